-- Format 4: what is sent beside events is kept.

-- A ground record. `item_key` tells one that is sent twice; `event_id` is the event that its envelope names. `head` is
-- the item's own head as JSON, `data` what followed it as one zstd frame with checksum, `bytes` its size before.
CREATE TABLE item (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    item_key    BLOB NOT NULL UNIQUE,
    kind        TEXT NOT NULL,
    project     TEXT NOT NULL,
    event_id    BLOB,
    received_at INTEGER NOT NULL,
    head        TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    data        BLOB NOT NULL
) STRICT;
CREATE INDEX item_by_kind ON item (kind, id);
CREATE INDEX item_by_event ON item (event_id) WHERE event_id IS NOT NULL;
