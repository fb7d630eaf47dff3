//! What the papers point to exists.

use crashvault_tests::{files_below, repository};

/// The targets of the links in a text of Markdown, without anchors and addresses.
fn links(text: &str) -> Vec<&str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    let targets = targets.map(|(target, _)| target.split('#').next().unwrap_or_default());
    targets
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut missing = Vec::new();
    let papers = files_below(repository())
        .into_iter()
        .filter(|file| file.extension().is_some_and(|e| e == "md"));
    for paper in papers {
        let text = std::fs::read_to_string(&paper).unwrap();
        let folder = paper.parent().unwrap();
        let lost = links(&text)
            .into_iter()
            .filter(|target| !folder.join(target).exists());
        missing.extend(lost.map(|target| format!("{}: {target}", paper.display())));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn links_are_found() {
    assert_eq!(
        links("[a](b.md#c) and [d](https://e) [f](g/h)"),
        ["b.md", "g/h"]
    );
}
