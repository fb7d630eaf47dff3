-- Format 2: activities, stacks kept once, dictionaries, attachments, deletions. What format 1 derived is dropped; the
-- step that follows makes it again as `derived.sql` has it.

-- Ground records.

-- `crc` is over the row's other values (rows of format 1 have 0: none); see `records.rs`.
ALTER TABLE event ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
ALTER TABLE variant_join ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;

-- Frames that many events share, as one zstd frame of JSON; `hash` is BLAKE3 of that JSON, its first 16 bytes.
CREATE TABLE stack (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       BLOB NOT NULL UNIQUE,
    json_bytes INTEGER NOT NULL,
    data       BLOB NOT NULL
) STRICT;

-- Codec 2 of a payload: as codec 1, but each stack lies in `stack`, perhaps with a dictionary, which the frame names.
-- `stacks` are their ids, 4 bytes each, little-endian, in the order of the event's stacks; 0 for one without frames.
ALTER TABLE event_payload ADD COLUMN stacks BLOB NOT NULL DEFAULT x'';

-- `id` is the one zstd writes into each frame.
CREATE TABLE dictionary (
    id      INTEGER PRIMARY KEY,
    data    BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    events  INTEGER NOT NULL
) STRICT;

-- What was decided about an issue. `deed` is JSON (docs/event.md); `wall` and `tick` are the hybrid clock,
-- `decided_at` is the clock of whoever decided.
CREATE TABLE activity (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id       BLOB NOT NULL UNIQUE,
    issue    INTEGER NOT NULL REFERENCES issue_number (number),
    vault    BLOB NOT NULL,
    author   TEXT NOT NULL,
    wall     INTEGER NOT NULL,
    tick     INTEGER NOT NULL,
    decided_at INTEGER NOT NULL,
    deed     TEXT NOT NULL,
    crc      INTEGER NOT NULL
) STRICT;
CREATE INDEX activity_by_issue ON activity (issue, wall, tick);
CREATE INDEX activity_by_clock ON activity (wall, tick);

-- Events that were deleted and must not come back.
CREATE TABLE tombstone (
    event_id   BLOB PRIMARY KEY,
    removed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What retention leaves of the events it removes, so that counts stay true. `hour` is hours since 1970.
CREATE TABLE residue (
    shelf      INTEGER NOT NULL,
    hour       INTEGER NOT NULL,
    level      INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    PRIMARY KEY (shelf, hour)
) STRICT, WITHOUT ROWID;

-- A file that belongs to an event; `hash` (BLAKE3) names it in `attachments/`.
CREATE TABLE attachment (
    id           INTEGER PRIMARY KEY,
    event_id     BLOB NOT NULL,
    name         TEXT NOT NULL,
    content_type TEXT,
    kind         TEXT NOT NULL,
    hash         BLOB NOT NULL,
    bytes        INTEGER NOT NULL,
    added_at     INTEGER NOT NULL,
    UNIQUE (event_id, name, hash)
) STRICT;
CREATE INDEX attachment_by_hash ON attachment (hash);

-- Local state: one row. `removals` grows with each event that leaves its place, `rebuilds` with each rebuild.
CREATE TABLE ledger (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    removals INTEGER NOT NULL,
    rebuilds INTEGER NOT NULL
) STRICT;
INSERT INTO ledger VALUES (1, 0, 0);

-- The term dictionaries, for wildcards within a word. They name the tables they look into, so they outlive a rebuild.
CREATE VIRTUAL TABLE derived_text_word USING fts5vocab (derived_text, row);
CREATE VIRTUAL TABLE derived_stack_text_word USING fts5vocab (derived_stack_text, row);

DROP TABLE placement;
DROP TABLE issue;
DROP TABLE total;
