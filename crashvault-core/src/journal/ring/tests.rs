use super::super::boxed::BoxContent;
use super::*;
use crate::scratch::{Scratch, scratch};

/// A ring on a file; none where the file system does not have one.
fn ring() -> Option<(Ring, File, Scratch)> {
    let home = scratch();
    let path = home.path().join("box");
    std::fs::write(&path, vec![0; BOX_BYTES]).unwrap();
    let file = File::options().read(true).write(true).open(path).unwrap();
    Some((Ring::map(&file, 0).ok()?, file, home))
}

fn read(file: &File) -> Vec<u8> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; BOX_BYTES];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn the_newest_breadcrumbs_are_read_whole_and_in_order() {
    let Some((ring, file, _home)) = ring() else {
        return;
    };
    for number in 0..5000u32 {
        let text = number.to_string().repeat(1 + number as usize % 40);
        ring.add_crumb(number % 3, text.as_bytes());
    }
    let bytes = read(&file);
    let crumbs = BoxContent::read(&bytes).unwrap().crumbs();
    let numbers: Vec<u32> = (5000 - crumbs.len() as u32..5000).collect();
    assert!(numbers.len() > 400, "{} are left", numbers.len());
    for (crumb, number) in crumbs.iter().zip(numbers) {
        let text = number.to_string().repeat(1 + number as usize % 40);
        assert_eq!((crumb.thread, crumb.field), (number % 3, text.as_bytes()));
    }
}

#[test]
fn threads_that_write_at_once_do_not_mix_their_breadcrumbs() {
    let Some((ring, file, _home)) = ring() else {
        return;
    };
    std::thread::scope(|scope| {
        for thread in 1..=4u32 {
            let ring = &ring;
            scope.spawn(move || {
                for number in 0..2000u32 {
                    ring.add_crumb(thread, &[thread as u8; 64][..1 + number as usize % 60]);
                }
            });
        }
    });
    let bytes = read(&file);
    for crumb in BoxContent::read(&bytes).unwrap().crumbs() {
        assert!(
            crumb
                .field
                .iter()
                .all(|byte| u32::from(*byte) == crumb.thread)
        );
    }
}

#[test]
fn a_breadcrumb_with_any_byte_changed_is_not_believed() {
    let Some((ring, file, _home)) = ring() else {
        return;
    };
    ring.add_crumb(7, b"only one");
    let whole = read(&file);
    assert_eq!(BoxContent::read(&whole).unwrap().crumbs().len(), 1);
    for at in CRUMBS_AT..CRUMBS_AT + 20 + 8 {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let crumbs = BoxContent::read(&bytes).unwrap().crumbs();
        assert!(
            crumbs.is_empty() || (20..24).contains(&(at - CRUMBS_AT)),
            "{at}"
        );
    }
}

#[test]
fn a_scope_is_the_last_one_that_was_written_whole() {
    let Some((ring, file, _home)) = ring() else {
        return;
    };
    let slot = ring.claim_slot(9).unwrap();
    let fields = |bytes: &[u8]| {
        let content = BoxContent::read(bytes).unwrap();
        let scopes = content.scopes();
        scopes
            .map(|s| (s.thread, s.fields.to_vec()))
            .collect::<Vec<_>>()
    };
    ring.put_scope(slot, b"first");
    ring.put_scope(slot, b"second");
    assert_eq!(fields(&read(&file)), [(9, b"second".to_vec())]);
    ring.put_scope(slot, &[0; PANE_BYTES + 1]);
    assert_eq!(fields(&read(&file)), [(9, b"second".to_vec())], "too long");
    ring.release_slot(slot);
    assert!(fields(&read(&file)).is_empty());
}

#[test]
fn slots_run_out_and_come_back() {
    let Some((ring, _file, _home)) = ring() else {
        return;
    };
    let slots: Vec<usize> = (1..100)
        .map_while(|thread| ring.claim_slot(thread))
        .collect();
    assert_eq!(slots.len(), SLOTS - 1);
    ring.release_slot(slots[3]);
    assert_eq!(ring.claim_slot(200), Some(slots[3]));
}
