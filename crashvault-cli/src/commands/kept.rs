//! Enters: bytes of any length. Leaves: how they began and how they ended, as text that says what is missing between.
//!
//! Never: keeps more than its bounds.

use std::collections::VecDeque;

pub struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
    head_bytes_max: usize,
    tail_bytes_max: usize,
}

impl Kept {
    pub fn new(head_bytes_max: usize, tail_bytes_max: usize) -> Self {
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            left_out: 0,
            head_bytes_max,
            tail_bytes_max,
        }
    }

    pub fn add(&mut self, bytes: &[u8]) {
        let room = self.head_bytes_max - self.head.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.tail_bytes_max);
        self.tail.drain(..over);
        self.left_out += over as u64;
    }

    pub fn text(&self) -> String {
        let (first, second) = self.tail.as_slices();
        let tail = [first, second].concat();
        if self.left_out == 0 {
            return String::from_utf8_lossy(&[&self.head, &*tail].concat()).into_owned();
        }
        let head = String::from_utf8_lossy(&self.head);
        let tail = String::from_utf8_lossy(&tail);
        format!("{head}\n… {} bytes left out …\n{tail}", self.left_out)
    }
}
