-- Derived state: kept up to date in the transaction that adds records, and made again from them by a rebuild, which
-- fills tables of the same shape under another name (`rebuilt_` for `derived_`) and then puts them in their place.
-- Without foreign keys, whose checks cost a tenth of an insert: what a row names is there, or a rebuild puts it right.

-- Which issue each event belongs to now; `is_moved` if a person put it there.
CREATE TABLE derived_placement (
    event    INTEGER PRIMARY KEY,
    issue    INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    is_moved INTEGER NOT NULL
) STRICT;
CREATE INDEX generation_placement_by_issue ON derived_placement (issue, time);
CREATE INDEX generation_placement_by_time ON derived_placement (time);

-- A shelf holds the events of one variant (its id is that of the `variant_join`), or those moved to an issue
-- (2^30 + the issue's number). Documents are numbered by shelf, so that whole issues can be passed over:
-- document = shelf * 2^32 + ingest sequence.
CREATE TABLE derived_shelf (
    id    INTEGER PRIMARY KEY,
    issue INTEGER NOT NULL
) STRICT;
CREATE INDEX generation_shelf_by_issue ON derived_shelf (issue);

-- Issues as they are listed. `state` is the fold of the activities as JSON, empty if there are none; the columns behind
-- it say parts of it again, to be searched by.
CREATE TABLE derived_issue (
    number        INTEGER PRIMARY KEY,
    project       INTEGER NOT NULL,
    status        INTEGER NOT NULL DEFAULT 0,
    level         INTEGER NOT NULL,
    first_seen    INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL,
    seen_count    INTEGER NOT NULL,
    user_count    INTEGER NOT NULL,
    last_event    BLOB NOT NULL,
    platform      TEXT NOT NULL,
    title         TEXT NOT NULL,
    culprit       TEXT,
    state         TEXT NOT NULL DEFAULT '',
    own_title     TEXT,
    is_regressed  INTEGER NOT NULL DEFAULT 0,
    assignee      TEXT,
    severity      TEXT,
    is_bookmarked INTEGER NOT NULL DEFAULT 0,
    review        INTEGER
) STRICT;
CREATE INDEX generation_issue_by_last_seen ON derived_issue (last_seen);
CREATE INDEX generation_issue_by_project ON derived_issue (project, last_seen);
CREATE INDEX generation_issue_by_status ON derived_issue (status, last_seen);
CREATE INDEX generation_issue_by_first_seen ON derived_issue (first_seen);
CREATE INDEX generation_issue_by_seen_count ON derived_issue (seen_count);
CREATE INDEX generation_issue_by_user_count ON derived_issue (user_count);

-- Tags that people gave to issues.
CREATE TABLE derived_label (
    issue INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (issue, key)
) STRICT, WITHOUT ROWID;

-- Names and texts that many events share.
CREATE TABLE derived_key (
    id     INTEGER PRIMARY KEY,
    is_tag INTEGER NOT NULL,
    name   TEXT NOT NULL,
    UNIQUE (is_tag, name)
) STRICT;
-- `hash` is the first 8 bytes of BLAKE3 of the text (`names.rs`): an index of the texts themselves would say them again,
-- and many are of one event alone.
CREATE TABLE derived_value (
    id   INTEGER PRIMARY KEY,
    key  INTEGER NOT NULL,
    hash INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX generation_value_by_key ON derived_value (key, hash);

-- Which documents have a stack. (Which have a value stands in the full-text index: there a value's documents are
-- gathered in memory and written in order, while here each would land on a page of its own.)
CREATE TABLE derived_posting (
    stack    INTEGER NOT NULL,
    document INTEGER NOT NULL,
    PRIMARY KEY (stack, document)
) STRICT, WITHOUT ROWID;

-- The stacks of each shelf, and the first document of the shelf that has the stack.
CREATE TABLE derived_shelf_stack (
    shelf INTEGER NOT NULL,
    stack INTEGER NOT NULL,
    first INTEGER NOT NULL,
    PRIMARY KEY (shelf, stack)
) STRICT, WITHOUT ROWID;
CREATE INDEX generation_shelf_stack_by_stack ON derived_shelf_stack (stack);

-- How many of an issue's events have a value. Trace ids and what says who a user is are not counted here.
CREATE TABLE derived_issue_value (
    issue INTEGER NOT NULL,
    value INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (issue, value)
) STRICT, WITHOUT ROWID;

-- The users that an issue had, exactly: the value that names each, and how many of the issue's events are theirs.
CREATE TABLE derived_issue_user (
    issue INTEGER NOT NULL,
    value INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (issue, value)
) STRICT, WITHOUT ROWID;

-- How often an issue was seen; `hour` is hours since 1970.
CREATE TABLE derived_hour (
    issue INTEGER NOT NULL,
    hour  INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (issue, hour)
) STRICT, WITHOUT ROWID;

-- One row: sums that would take a walk over everything.
CREATE TABLE derived_total (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    events        INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    json_bytes    INTEGER NOT NULL
) STRICT;
INSERT INTO derived_total VALUES (1, 0, 0, 0);

-- Words: of each document's own texts, and the terms of its values (`terms.rs`); of each stack, once (rowid = `stack.id`). The texts themselves are not kept here;
-- they come spelt as the engine's own words, divided by blanks.
CREATE VIRTUAL TABLE derived_text USING fts5 (
    message, breadcrumb, value, term,
    content = '', contentless_delete = 1, tokenize = "ascii"
);
CREATE VIRTUAL TABLE derived_stack_text USING fts5 (
    function, module, filename,
    content = '', contentless_delete = 1, tokenize = "ascii"
);
-- Short pages: the index keeps a list of where to begin only for what takes four of them or more; in shorter lists it
-- reads from the start whatever it is asked.
INSERT INTO derived_text (derived_text, rank) VALUES ('pgsz', 1000);
-- One segment for each batch, and fewer rounds of merging them.
INSERT INTO derived_text (derived_text, rank) VALUES ('hashsize', 67108864);
INSERT INTO derived_text (derived_text, rank) VALUES ('automerge', 8);
