-- What the engine keeps, for SQLite and PostgreSQL alike. Whoever wants to know how campaigns stand reads `campaign` and
-- `campaign_device`; octets are for programs (see the module `campaign::format`). Moments of the database's own clock are
-- microseconds since 1970-01-01; `since_gps` counts seconds since 1980-01-06 without leap seconds, as devices do.
-- PostgreSQL learns beforehand that BLOB means BYTEA.

-- Data blocks, by the SHA-256 of their octets in hex: many campaigns may send the same.
CREATE TABLE image (
    tenant TEXT NOT NULL,
    hash TEXT NOT NULL,
    octets BLOB NOT NULL,
    PRIMARY KEY (tenant, hash)
);

CREATE TABLE campaign (
    id BIGINT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    created BIGINT NOT NULL,
    -- The plan without its image.
    plan BLOB NOT NULL,
    image TEXT NOT NULL,
    -- How it stands: as people read it, and the same for programs. NULL before its first records.
    status TEXT,
    stage TEXT,
    devices BIGINT NOT NULL,
    complete BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    standing BLOB,
    -- 1 when nothing follows.
    ended BIGINT NOT NULL DEFAULT 0,
    -- Records so far.
    records BIGINT NOT NULL DEFAULT 0,
    -- Who may write: the lease's token grows each time that the campaign changes hands.
    token BIGINT NOT NULL DEFAULT 0,
    node TEXT,
    lease_until BIGINT,
    FOREIGN KEY (tenant, image) REFERENCES image (tenant, hash)
);
CREATE INDEX campaign_of_tenant ON campaign (tenant, id);
CREATE INDEX campaign_under_way ON campaign (id) WHERE ended = 0;

CREATE TABLE campaign_device (
    campaign BIGINT NOT NULL REFERENCES campaign (id),
    tenant TEXT NOT NULL,
    -- Index in the plan, from 0.
    place BIGINT NOT NULL,
    -- 16 digits of hex.
    dev_eui TEXT NOT NULL,
    frag_index BIGINT,
    mc_group_id BIGINT NOT NULL,
    -- 1 while the campaign is under way.
    active BIGINT NOT NULL DEFAULT 1,
    -- How it stands: as people read it, and the same for programs. NULL before anything was told of it.
    status TEXT,
    stage TEXT,
    reason TEXT,
    missing_frag BIGINT,
    requests BIGINT,
    since_gps BIGINT,
    report BLOB,
    PRIMARY KEY (campaign, place)
);
-- A campaign under way has a device's fragmentation session and group to itself.
CREATE UNIQUE INDEX session_to_itself ON campaign_device (dev_eui, frag_index) WHERE active = 1;
CREATE UNIQUE INDEX group_to_itself ON campaign_device (dev_eui, mc_group_id) WHERE active = 1;
CREATE INDEX device_of_campaign ON campaign_device (campaign, dev_eui);

-- The journal: only ever added to.
CREATE TABLE record (
    campaign BIGINT NOT NULL REFERENCES campaign (id),
    tenant TEXT NOT NULL,
    seq BIGINT NOT NULL,
    octets BLOB NOT NULL,
    PRIMARY KEY (campaign, seq)
);

-- The latest state of each campaign, and how many records it covers.
CREATE TABLE snapshot (
    campaign BIGINT NOT NULL PRIMARY KEY REFERENCES campaign (id),
    tenant TEXT NOT NULL,
    records BIGINT NOT NULL,
    state BLOB NOT NULL
);

-- The next frame counter of a group that was not set aside yet.
CREATE TABLE counter (
    campaign BIGINT NOT NULL REFERENCES campaign (id),
    tenant TEXT NOT NULL,
    group_id BIGINT NOT NULL,
    next BIGINT NOT NULL,
    PRIMARY KEY (campaign, group_id)
);

-- Keys of groups, sealed by whoever put them here.
CREATE TABLE secret (
    campaign BIGINT NOT NULL REFERENCES campaign (id),
    tenant TEXT NOT NULL,
    group_id BIGINT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (campaign, group_id)
);

-- What operators ordered.
CREATE TABLE audit (
    campaign BIGINT NOT NULL REFERENCES campaign (id),
    tenant TEXT NOT NULL,
    seq BIGINT NOT NULL,
    ordered BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    PRIMARY KEY (campaign, seq)
);

-- What a tenant may have under way at once. No row, or NULL: as much as it likes.
CREATE TABLE quota (
    tenant TEXT NOT NULL PRIMARY KEY,
    campaigns BIGINT,
    devices BIGINT
);

-- One row: campaigns are numbered one at a time.
CREATE TABLE numbering (
    next_campaign BIGINT NOT NULL
);
INSERT INTO numbering (next_campaign) VALUES (1);
