-- Since format 3. Which variants may be like a new one, and how rare what they bear is; made of `variant_sketch` and of
-- the issues that variants joined. A merge of issues changes nothing here: how rare a name is need not be exact, and a
-- rebuild comes to the same.

-- Issues that are part of another one, after all merges.
CREATE TABLE derived_alias (
    issue  INTEGER PRIMARY KEY,
    target INTEGER NOT NULL
) STRICT;

-- Variants that were taken out of an issue, and the one they belong to.
CREATE TABLE derived_taken_out (
    project INTEGER NOT NULL,
    variant BLOB NOT NULL,
    issue   INTEGER NOT NULL,
    PRIMARY KEY (project, variant)
) STRICT, WITHOUT ROWID;

-- The variants that bear a name (a function, or a whole message), by their sketch's id.
CREATE TABLE derived_bearer (
    project INTEGER NOT NULL,
    name    INTEGER NOT NULL,
    sketch  INTEGER NOT NULL,
    PRIMARY KEY (project, name, sketch)
) STRICT, WITHOUT ROWID;

-- The names that an issue's variants bear.
CREATE TABLE derived_issue_name (
    issue INTEGER NOT NULL,
    name  INTEGER NOT NULL,
    PRIMARY KEY (issue, name)
) STRICT, WITHOUT ROWID;

-- How many issues of a project bear a name.
CREATE TABLE derived_spread (
    project INTEGER NOT NULL,
    name    INTEGER NOT NULL,
    issues  INTEGER NOT NULL,
    PRIMARY KEY (project, name)
) STRICT, WITHOUT ROWID;

-- How many issues of a project have variants that are compared.
CREATE TABLE derived_compared (
    project INTEGER PRIMARY KEY,
    issues  INTEGER NOT NULL
) STRICT;
