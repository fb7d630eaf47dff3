//! Enters: the images of a process, several generations appended. Leaves: the image an address lies in.
//!
//! Never: believes that images do not overlap; where they do, the later one is right.

use std::collections::BTreeMap;

use crate::event::Image;

/// Images by the addresses they cover.
pub(super) struct ImageTable<'a> {
    images: &'a [Image],
    /// Start → end and index; ranges do not overlap.
    ranges: BTreeMap<u64, (u64, usize)>,
}

/// An image found for an address.
#[derive(Clone, Copy)]
pub(super) struct Hit<'a> {
    pub index: usize,
    pub image: &'a Image,
    /// Bytes from the image's start to the address.
    pub offset: u64,
}

impl<'a> ImageTable<'a> {
    pub fn new(images: &'a [Image]) -> Self {
        let mut table = Self {
            images,
            ranges: BTreeMap::new(),
        };
        for (index, image) in images.iter().enumerate() {
            if let (Some(start), Some(len)) = (image.image_addr, image.image_size) {
                table.insert(start, start.saturating_add(len), index);
            }
        }
        table
    }

    fn insert(&mut self, start: u64, end: u64, index: usize) {
        if start >= end {
            return;
        }
        // What reaches into the new range from before it keeps its head, and its tail if it reaches beyond.
        let before = self.ranges.range(..start).next_back();
        if let Some((&other, &(other_end, other_index))) = before
            && other_end > start
        {
            self.ranges.insert(other, (start, other_index));
            self.keep_tail(other_end, end, other_index);
        }
        while let Some((&other, &(other_end, other_index))) = self.ranges.range(start..end).next() {
            self.ranges.remove(&other);
            self.keep_tail(other_end, end, other_index);
        }
        self.ranges.insert(start, (end, index));
    }

    fn keep_tail(&mut self, other_end: u64, end: u64, other_index: usize) {
        if other_end > end {
            self.ranges.insert(end, (other_end, other_index));
        }
    }

    /// The image `address` lies in.
    pub fn find(&self, address: u64) -> Option<Hit<'a>> {
        let (_, &(end, index)) = self.ranges.range(..=address).next_back()?;
        let image = self.images.get(index).filter(|_| address < end)?;
        Some(Hit {
            index,
            image,
            // Cannot fail: only images with an address are in the table, and their ranges start there or behind it.
            offset: address.checked_sub(image.image_addr?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(images: &[(u64, u64)], expected: &str) {
        let images: Vec<Image> = images
            .iter()
            .map(|(start, len)| Image {
                image_addr: Some(*start),
                image_size: Some(*len),
                ..Image::default()
            })
            .collect();
        let table = ImageTable::new(&images);
        let found: String = (0..10)
            .map(|address| match table.find(address) {
                Some(hit) => char::from_digit(hit.index as u32, 10).unwrap(),
                None => '.',
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn addresses_between_images_have_none() {
        check(&[(1, 2), (5, 3)], ".00..111..");
    }

    #[test]
    fn later_images_win() {
        check(&[(2, 6), (4, 2)], "..001100..");
        check(&[(4, 2), (2, 6)], "..111111..");
        check(&[(0, 4), (4, 4), (2, 4)], "00222211..");
        check(&[(2, 2), (2, 4)], "..1111....");
        check(&[(0, 10), (0, 5), (5, 5)], "1111122222");
    }

    #[test]
    fn odd_numbers_do_no_harm() {
        check(&[(3, 0), (u64::MAX, 5), (4, u64::MAX)], "....222222");
    }
}
