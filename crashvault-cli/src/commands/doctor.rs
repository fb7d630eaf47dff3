//! `doctor`: everything that can be wrong with the vault, and what to do.

use std::path::Path;

use crashvault::{Error, Finding, Severity, Vault};
use serde_json::json;

use super::reading::{self, Place};
use super::{Done, rescue};
use crate::args::{Doctor, Wait};
use crate::output::failure::advice;
use crate::output::text::visible;
use crate::output::{Screen, Stop, Style, json};

pub fn run(place: &Place, doctor: &Doctor, screen: &mut Screen) -> Result<Done, Stop> {
    if let Some(file) = &doctor.rescue {
        return rescue::run(place, file, screen);
    }
    let findings = match examine(place, doctor.wait, screen) {
        Ok(findings) => findings,
        Err(error) => unopened(&place.directory, &error),
    };
    let is_healthy = findings
        .iter()
        .all(|finding| finding.severity < Severity::Problem);
    if screen.json {
        screen.value(&json!({
            "vault": place.directory.to_string_lossy(),
            "is_healthy": is_healthy,
            "findings": findings.iter().map(json::finding).collect::<Vec<_>>(),
        }))?;
    } else {
        findings
            .iter()
            .try_for_each(|finding| write(finding, screen))?;
    }
    Ok(if is_healthy { Done::Well } else { Done::Badly })
}

fn examine(place: &Place, wait: Wait, screen: &Screen) -> Result<Vec<Finding>, Error> {
    let opened = reading::try_open(place, wait, screen)?;
    let mut findings = opened.vault.doctor()?;
    findings.extend(opened.drain_error.as_ref().map(problem));
    Ok(findings)
}

/// What keeps the vault from opening, then what lies around it.
fn unopened(directory: &Path, error: &Error) -> Vec<Finding> {
    let mut findings = vec![problem(error)];
    findings.extend(Vault::doctor_unopened(directory));
    findings
}

fn problem(error: &Error) -> Finding {
    Finding::new(Severity::Problem, error.to_string(), advice(error))
}

fn write(finding: &Finding, screen: &mut Screen) -> std::io::Result<()> {
    let (what, advice) = (visible(&finding.what), visible(&finding.advice));
    if screen.width.is_none() {
        return screen.line(format!("{}\t{what}\t{advice}", finding.severity));
    }
    let (sign, style) = match finding.severity {
        Severity::Fine => ("✓", Style::Good),
        Severity::Notice => ("!", Style::Note),
        _ => ("✗", Style::Bad),
    };
    let sign = screen.paint.on(style, sign);
    screen.line(format!("{sign} {what}"))?;
    match advice.is_empty() {
        true => Ok(()),
        false => screen.line(format!("  → {advice}")),
    }
}
