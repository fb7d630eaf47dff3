//! Enters: a call and the lines of its file. Leaves: them for people, the call's own line marked.

use std::io;
use std::path::PathBuf;

use crashvault::event::SourcePlace;

use super::text::{visible, visible_lines};
use super::{Screen, Style, link};

/// A place whose file is here.
pub struct Found {
    /// Its number among those of the event, from 1.
    pub number: usize,
    pub place: SourcePlace,
    pub path: PathBuf,
    /// Whether the file is younger than the event.
    pub is_changed: bool,
}

/// A line of a source file.
pub struct Line {
    pub number: u64,
    pub text: String,
    pub is_marked: bool,
}

/// The place of a call, and the lines around it.
pub fn call(found: &Found, lines: &[Line], screen: &mut Screen) -> io::Result<()> {
    let paint = screen.paint;
    let path = found.path.display().to_string();
    let shown = format!("{}:{}", visible(&path), found.place.line);
    let shown = paint.on(Style::Name, shown);
    let shown = match screen.has_links {
        true => link::to(&found.path, found.place.line, &shown),
        false => shown,
    };
    let mut head = format!("{}  {shown}", found.number);
    if let Some(function) = &found.place.function {
        head += &format!("  {}", paint.on(Style::Bold, visible(function)));
    }
    if found.is_changed {
        head += &paint.on(Style::Note, "  (changed after the event)");
    }
    screen.line(head)?;
    if lines.is_empty() {
        return screen.styled(Style::Dim, "   the file ends before this line");
    }
    let digits = lines.last().map_or(1, |line| line.number.to_string().len());
    for line in lines {
        let text = visible_lines(&line.text).next().unwrap_or_default();
        let (mark, style) = match line.is_marked {
            true => (">", Style::Bold),
            false => (" ", Style::Dim),
        };
        let text = format!("{mark} {:>digits$} | {text}", line.number);
        screen.line(format!("  {}", paint.on(style, text.trim_end())))?;
    }
    Ok(())
}
