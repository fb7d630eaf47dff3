-- Format 1. Times are nanoseconds since 1970 in UTC. Ids are 16 bytes.

-- Ground records: what was observed and decided. Only added to; everything derived is made from them.

CREATE TABLE project (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- The local number of each issue. AUTOINCREMENT keeps the highest one in a row of its own, so that a deleted issue
-- never frees its number.
CREATE TABLE issue_number (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    issue   BLOB NOT NULL UNIQUE,
    project INTEGER NOT NULL REFERENCES project (id)
) STRICT;

-- A variant joined an issue, and why. `parts` is a JSON list of texts.
CREATE TABLE variant_join (
    id        INTEGER PRIMARY KEY,
    project   INTEGER NOT NULL REFERENCES project (id),
    variant   BLOB NOT NULL,
    issue     INTEGER NOT NULL REFERENCES issue_number (number),
    reason    TEXT NOT NULL,
    parts     TEXT NOT NULL,
    algorithm INTEGER NOT NULL,
    joined_at INTEGER NOT NULL,
    UNIQUE (project, variant)
) STRICT;
CREATE INDEX variant_join_by_issue ON variant_join (issue);

-- `ingest_sequence` is the order a rebuild follows. `time` is the sender's, else `received_at`.
-- The payload lies apart so that walking events does not read it.
CREATE TABLE event (
    ingest_sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id        BLOB NOT NULL UNIQUE,
    variant         INTEGER NOT NULL REFERENCES variant_join (id),
    level           INTEGER NOT NULL,
    time            INTEGER NOT NULL,
    received_at     INTEGER NOT NULL,
    process         BLOB NOT NULL,
    sequence        INTEGER NOT NULL
) STRICT;

-- `codec` 1: the event's JSON as one zstd frame with checksum, no dictionary. `json_bytes` is its size before.
CREATE TABLE event_payload (
    event      INTEGER PRIMARY KEY REFERENCES event (ingest_sequence),
    codec      INTEGER NOT NULL,
    json_bytes INTEGER NOT NULL,
    data       BLOB NOT NULL
) STRICT;

-- Derived state: kept up to date in the transaction that adds the events, and made again by a rebuild.

-- Which issue each event belongs to now.
CREATE TABLE placement (
    event INTEGER PRIMARY KEY REFERENCES event (ingest_sequence),
    issue INTEGER NOT NULL REFERENCES issue_number (number),
    time  INTEGER NOT NULL
) STRICT;
CREATE INDEX placement_by_issue ON placement (issue, time);

-- Issues as they are listed: nothing else is read for a list but the names of id and project.
CREATE TABLE issue (
    number     INTEGER PRIMARY KEY REFERENCES issue_number (number),
    project    INTEGER NOT NULL REFERENCES project (id),
    status     INTEGER NOT NULL DEFAULT 0,
    level      INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    seen_count INTEGER NOT NULL,
    last_event BLOB NOT NULL,
    platform   TEXT NOT NULL,
    title      TEXT NOT NULL,
    culprit    TEXT
) STRICT;
CREATE INDEX issue_by_last_seen ON issue (last_seen);
CREATE INDEX issue_by_project ON issue (project, last_seen);
CREATE INDEX issue_by_status ON issue (status, last_seen);
CREATE INDEX issue_by_first_seen ON issue (first_seen);
CREATE INDEX issue_by_seen_count ON issue (seen_count);

-- One row: sums that would take a walk over everything.
CREATE TABLE total (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    events        INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    json_bytes    INTEGER NOT NULL
) STRICT;
INSERT INTO total VALUES (1, 0, 0, 0);

-- Local state: of this vault alone. A rebuild keeps it, an exchange between vaults leaves it out.

CREATE TABLE segment_offset (
    name  TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row, changed by every sync: a commit that changes nothing would not reach the disk.
CREATE TABLE sync_mark (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    syncs INTEGER NOT NULL
) STRICT;
INSERT INTO sync_mark VALUES (1, 0);
