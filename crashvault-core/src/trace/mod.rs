//! Enters: the text of a stack as a language prints it. Leaves: frames, outermost first.
//!
//! Never: fails, reads a file, or decides whose a frame is; what is no frame is passed over.

pub(crate) mod rust;

/// Frames read from one text: the innermost ones.
const FRAMES_MAX: usize = 1024;
