BEGIN TRANSACTION;
CREATE TABLE "access_keys" (
	id VARCHAR(128) NOT NULL, 
	secret VARCHAR(128) NOT NULL, 
	principal VARCHAR(2048) NOT NULL, 
	account VARCHAR(12) NOT NULL, 
	user_id VARCHAR(256) NOT NULL, 
	token VARCHAR(2048), 
	expires FLOAT, 
	created FLOAT NOT NULL, 
	active BOOLEAN DEFAULT 1 NOT NULL, 
	administrator BOOLEAN DEFAULT 0 NOT NULL, 
	session JSON DEFAULT '{}' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "access_keys" VALUES('x','x','x','x','x','x',1.5,1.5,1,1,'{"a":[1]}');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE buckets (
	name VARCHAR(63) NOT NULL, 
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(32) NOT NULL, 
	created FLOAT NOT NULL, settings JSON DEFAULT '{}' NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "buckets" VALUES('x','x','x',1.5,'{"a":[1]}');
CREATE TABLE changes (
	seq INTEGER NOT NULL, 
	transaction_id BIGINT DEFAULT '0' NOT NULL, 
	at FLOAT NOT NULL, 
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(32) NOT NULL, 
	kind VARCHAR(64) NOT NULL, 
	resource VARCHAR(32) NOT NULL, 
	arn VARCHAR(2048) NOT NULL, 
	name VARCHAR(512) NOT NULL, 
	verb VARCHAR(16) NOT NULL, 
	"before" VARCHAR(16) NOT NULL, 
	"after" VARCHAR(16) NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "changes" VALUES(1,1,1.5,'x','x','x','x','x','x','x','x','x');
CREATE TABLE cursors (
	reader VARCHAR(128) NOT NULL, 
	transaction_id BIGINT NOT NULL, 
	seq BIGINT NOT NULL, 
	lease_owner VARCHAR(64), 
	lease_until FLOAT, 
	PRIMARY KEY (reader)
);
INSERT INTO "cursors" VALUES('x',1,1,'x',1.5);
CREATE TABLE events (
	seq INTEGER NOT NULL, 
	resource VARCHAR(32) NOT NULL, 
	arn VARCHAR(2048) NOT NULL, 
	at FLOAT NOT NULL, 
	word VARCHAR(64) NOT NULL, 
	message TEXT NOT NULL, 
	detail JSON NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "events" VALUES(1,'x','x',1.5,'x','x','{"a":[1]}');
CREATE TABLE links (
	source VARCHAR(512) NOT NULL, 
	destination VARCHAR(512) NOT NULL, 
	type VARCHAR(64) NOT NULL, 
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(32) NOT NULL, 
	source_type VARCHAR(256) NOT NULL, 
	destination_type VARCHAR(256) NOT NULL, 
	created FLOAT NOT NULL, 
	created_by JSON NOT NULL, 
	PRIMARY KEY (source, destination, type)
);
INSERT INTO "links" VALUES('x','x','x','x','x','x','x',1.5,'{"a":[1]}');
CREATE TABLE log_groups (
	id VARCHAR(32) NOT NULL, 
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(32) NOT NULL, 
	name VARCHAR(512) NOT NULL, 
	created FLOAT NOT NULL, 
	retention_days INTEGER, 
	log_class VARCHAR(32) NOT NULL, 
	kms_key VARCHAR(256), 
	PRIMARY KEY (id)
);
INSERT INTO "log_groups" VALUES('x','x','x','x',1.5,1,'x','x');
CREATE TABLE log_streams (
	id VARCHAR(32) NOT NULL, 
	group_id VARCHAR(32) NOT NULL, 
	name VARCHAR(512) NOT NULL, 
	created FLOAT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(group_id) REFERENCES log_groups (id) ON DELETE CASCADE
);
INSERT INTO "log_streams" VALUES('x','x','x',1.5);
CREATE TABLE metric_points (
	metric BIGINT NOT NULL, 
	at_ms BIGINT NOT NULL, 
	source VARCHAR(64) NOT NULL, 
	unit VARCHAR(32) NOT NULL, 
	samples FLOAT NOT NULL, 
	total FLOAT NOT NULL, 
	minimum FLOAT NOT NULL, 
	maximum FLOAT NOT NULL, 
	PRIMARY KEY (metric, at_ms, source), 
	FOREIGN KEY(metric) REFERENCES metrics (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "metric_points" VALUES(1,1,'x','x',1.5,1.5,1.5,1.5);
CREATE TABLE metrics (
	id INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(32) NOT NULL, 
	namespace VARCHAR(255) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	dimensions TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (digest)
);
INSERT INTO "metrics" VALUES(1,'x','x','x','x','x','x');
CREATE TABLE objects (
	bucket VARCHAR(63) NOT NULL, 
	"key" BLOB NOT NULL, 
	blob VARCHAR(32) NOT NULL, 
	size BIGINT NOT NULL, 
	etag VARCHAR(64) NOT NULL, 
	modified FLOAT NOT NULL, 
	algorithm VARCHAR(16) NOT NULL, 
	checksum VARCHAR(128) NOT NULL, 
	checksum_type VARCHAR(16) NOT NULL, 
	attributes JSON NOT NULL, 
	parts JSON NOT NULL, 
	PRIMARY KEY (bucket, "key")
)
 WITHOUT ROWID

;
INSERT INTO "objects" VALUES('x',X'78','x',1,'x',1.5,'x','x','x','{"a":[1]}','{"a":[1]}');
CREATE TABLE parts (
	upload VARCHAR(64) NOT NULL, 
	number INTEGER NOT NULL, 
	blob VARCHAR(32) NOT NULL, 
	size BIGINT NOT NULL, 
	etag VARCHAR(64) NOT NULL, 
	checksum VARCHAR(128) NOT NULL, 
	modified FLOAT NOT NULL, 
	PRIMARY KEY (upload, number)
)
 WITHOUT ROWID

;
INSERT INTO "parts" VALUES('x',1,'x',1,'x','x',1.5);
CREATE TABLE "resources" (
	id VARCHAR(32) NOT NULL, 
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(32) NOT NULL, 
	kind VARCHAR(64) NOT NULL, 
	name VARCHAR(512) NOT NULL, 
	arn VARCHAR(2048) NOT NULL, 
	spec JSON NOT NULL, 
	status JSON NOT NULL, 
	run JSON NOT NULL, 
	phase VARCHAR(16) NOT NULL, 
	created FLOAT NOT NULL, 
	modified FLOAT NOT NULL, 
	version INTEGER NOT NULL, 
	due FLOAT, 
	lease_owner VARCHAR(64), 
	lease_until FLOAT, 
	shown VARCHAR(16) DEFAULT ('') NOT NULL, 
	parent VARCHAR(32), 
	wakes INTEGER DEFAULT '0' NOT NULL, 
	wish JSON NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (arn)
);
INSERT INTO "resources" VALUES('x','x','x','x','x','x','{"a":[1]}','{"a":[1]}','{"a":[1]}','x',1.5,1.5,1,1.5,'x',1.5,'x','x',1,'{"a":[1]}');
CREATE TABLE tags (
	arn VARCHAR(2048) NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	value VARCHAR(256) NOT NULL, 
	PRIMARY KEY (arn, "key")
);
INSERT INTO "tags" VALUES('x','x','x');
CREATE TABLE uploads (
	id VARCHAR(64) NOT NULL, 
	bucket VARCHAR(63) NOT NULL, 
	"key" BLOB NOT NULL, 
	created FLOAT NOT NULL, 
	algorithm VARCHAR(16) NOT NULL, 
	checksum_type VARCHAR(16) NOT NULL, 
	attributes JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "uploads" VALUES('x','x',X'78',1.5,'x','x','{"a":[1]}');
CREATE INDEX events_by_resource ON events (resource, seq);
CREATE UNIQUE INDEX log_groups_by_name ON log_groups (account, region, name);
CREATE INDEX metrics_by_name ON metrics (account, region, namespace, name);
CREATE INDEX uploads_by_key ON uploads (bucket, "key");
CREATE UNIQUE INDEX log_streams_by_name ON log_streams (group_id, name);
CREATE INDEX access_keys_by_expires ON access_keys (expires);
CREATE INDEX access_keys_by_principal ON access_keys (principal);
CREATE INDEX resources_by_created ON resources (account, region, kind, created);
CREATE INDEX resources_by_due ON resources (due);
CREATE UNIQUE INDEX resources_by_name ON resources (account, region, kind, name);
CREATE INDEX resources_by_parent ON resources (parent, created) WHERE parent IS NOT NULL;
CREATE INDEX changes_by_transaction ON changes (transaction_id, seq);
CREATE INDEX links_by_destination ON links (destination);
CREATE INDEX links_by_created ON links (account, region, created);
COMMIT;
