//! What all requests share.

use std::sync::Arc;

use crashvault::Intake;

use crate::body::Budget;
use crate::digest::Digester;
use crate::projects::Projects;
use crate::readers::Readers;

/// Behind an [`Arc`]: each request has a hold on it.
pub(crate) struct State {
    pub(crate) intake: Intake,
    pub(crate) digester: Arc<Digester>,
    pub(crate) projects: Projects,
    pub(crate) readers: Readers,
    pub(crate) budget: Arc<Budget>,
    /// Whether a key must open the project: nobody but this machine can be sure to be itself.
    pub(crate) demands_key: bool,
}
