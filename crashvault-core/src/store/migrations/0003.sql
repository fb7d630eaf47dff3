-- Format 3: variants are compared, so that one that is new can join the issue of one that it is like.

-- Ground records: a join is decided once, from what was known then, and what it was decided by is kept with it.

-- What of a variant is compared with others (`group/traits.rs`). The ids are in the order in which variants became known
-- by their likeness, which is not that of the joins: those of older vaults, and imported ones, get theirs with the next
-- event of theirs that comes in. `crc` is over the other values but the id.
CREATE TABLE variant_sketch (
    id      INTEGER PRIMARY KEY,
    variant INTEGER NOT NULL UNIQUE REFERENCES variant_join (id),
    sketch  BLOB NOT NULL,
    crc     INTEGER NOT NULL
) STRICT;

-- How a variant compared with those that were known when it joined, as JSON (docs/event.md). Apart from the joins, which
-- are read all the time.
CREATE TABLE variant_comparison (
    variant    INTEGER PRIMARY KEY REFERENCES variant_join (id),
    comparison TEXT NOT NULL,
    crc        INTEGER NOT NULL
) STRICT;

-- The functions that sketches name: `name` is the first 8 bytes of BLAKE3 of the text, which is kept up to 512 bytes.
-- They cannot be made again once the events are gone.
CREATE TABLE function_name (
    name INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;
