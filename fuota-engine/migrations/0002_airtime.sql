-- Time on air, shared by all campaigns and nodes: one row for each gateway and sub-band. GPS time in microseconds, by the
-- clocks of the nodes.
CREATE TABLE airtime (
    gateway TEXT NOT NULL,
    band TEXT NOT NULL,
    -- Nothing else begins before; only ever moved on.
    next_free BIGINT NOT NULL,
    PRIMARY KEY (gateway, band)
);

-- What campaigns under way still need of it, in microseconds.
CREATE TABLE airtime_promise (
    campaign BIGINT NOT NULL REFERENCES campaign (id),
    tenant TEXT NOT NULL,
    gateway TEXT NOT NULL,
    band TEXT NOT NULL,
    taken BIGINT NOT NULL,
    PRIMARY KEY (campaign, gateway, band)
);
CREATE INDEX promises_of_channel ON airtime_promise (gateway, band);
