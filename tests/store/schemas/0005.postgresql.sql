CREATE TABLE public.access_keys (
    id character varying(128) NOT NULL,
    secret character varying(128) NOT NULL,
    principal character varying(2048) NOT NULL,
    account character varying(12) NOT NULL,
    user_id character varying(256) NOT NULL,
    token character varying(2048),
    expires double precision,
    created double precision NOT NULL,
    active boolean DEFAULT true NOT NULL,
    administrator boolean DEFAULT false NOT NULL,
    session json DEFAULT '{}'::json NOT NULL
);
COMMENT ON COLUMN public.access_keys.principal IS 'ARN of the user or the assumed role';
COMMENT ON COLUMN public.access_keys.token IS 'session token of temporary keys';
COMMENT ON COLUMN public.access_keys.administrator IS 'no policy limits it';
COMMENT ON COLUMN public.access_keys.session IS 'session policies, tags, source';
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.buckets (
    name character varying(63) NOT NULL,
    account character varying(12) NOT NULL,
    region character varying(32) NOT NULL,
    created double precision NOT NULL,
    settings json DEFAULT '{}'::json NOT NULL
);
COMMENT ON COLUMN public.buckets.settings IS 'what bucket operations configure';
CREATE TABLE public.changes (
    seq bigint NOT NULL,
    transaction_id bigint DEFAULT '0'::bigint NOT NULL,
    at double precision NOT NULL,
    account character varying(12) NOT NULL,
    region character varying(32) NOT NULL,
    kind character varying(64) NOT NULL,
    resource character varying(32) NOT NULL,
    arn character varying(2048) NOT NULL,
    name character varying(512) NOT NULL,
    verb character varying(16) NOT NULL,
    before character varying(16) NOT NULL,
    after character varying(16) NOT NULL
);
COMMENT ON COLUMN public.changes.transaction_id IS 'PostgreSQL''s number of the writing transaction; 0 in SQLite, which has one writer at a time';
COMMENT ON COLUMN public.changes.verb IS 'created, updated, moved or deleted';
COMMENT ON COLUMN public.changes.before IS 'the phase that callers saw';
COMMENT ON COLUMN public.changes.after IS 'the phase that callers see';
CREATE SEQUENCE public.changes_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.changes_seq_seq OWNED BY public.changes.seq;
CREATE TABLE public.cursors (
    reader character varying(128) NOT NULL,
    transaction_id bigint NOT NULL,
    seq bigint NOT NULL,
    lease_owner character varying(64),
    lease_until double precision
);
CREATE TABLE public.events (
    seq bigint NOT NULL,
    resource character varying(32) NOT NULL,
    arn character varying(2048) NOT NULL,
    at double precision NOT NULL,
    word character varying(64) NOT NULL,
    message text NOT NULL,
    detail json NOT NULL
);
CREATE SEQUENCE public.events_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.events_seq_seq OWNED BY public.events.seq;
CREATE TABLE public.links (
    source character varying(512) NOT NULL,
    destination character varying(512) NOT NULL,
    type character varying(64) NOT NULL,
    account character varying(12) NOT NULL,
    region character varying(32) NOT NULL,
    source_type character varying(256) NOT NULL,
    destination_type character varying(256) NOT NULL,
    created double precision NOT NULL,
    created_by json NOT NULL
);
COMMENT ON COLUMN public.links.source IS 'an ARN';
COMMENT ON COLUMN public.links.destination IS 'an ARN';
COMMENT ON COLUMN public.links.created_by IS 'who made it';
CREATE TABLE public.log_groups (
    id character varying(32) NOT NULL,
    account character varying(12) NOT NULL,
    region character varying(32) NOT NULL,
    name character varying(512) NOT NULL COLLATE pg_catalog."C",
    created double precision NOT NULL,
    retention_days integer,
    log_class character varying(32) NOT NULL,
    kms_key character varying(256)
);
CREATE TABLE public.log_streams (
    id character varying(32) NOT NULL,
    group_id character varying(32) NOT NULL,
    name character varying(512) NOT NULL COLLATE pg_catalog."C",
    created double precision NOT NULL
);
COMMENT ON COLUMN public.log_streams.id IS 'also names the file that holds the events';
CREATE TABLE public.metric_points (
    metric bigint NOT NULL,
    at_ms bigint NOT NULL,
    source character varying(64) NOT NULL,
    unit character varying(32) NOT NULL,
    samples double precision NOT NULL,
    total double precision NOT NULL,
    minimum double precision NOT NULL,
    maximum double precision NOT NULL
);
COMMENT ON COLUMN public.metric_points.at_ms IS 'milliseconds: whole numbers divide alike everywhere';
COMMENT ON COLUMN public.metric_points.source IS 'who says so; the same point twice is stored once';
CREATE TABLE public.metrics (
    id bigint NOT NULL,
    digest character varying(64) NOT NULL,
    account character varying(12) NOT NULL,
    region character varying(32) NOT NULL,
    namespace character varying(255) NOT NULL,
    name character varying(255) NOT NULL,
    dimensions text NOT NULL
);
COMMENT ON COLUMN public.metrics.digest IS 'of all that names the metric';
COMMENT ON COLUMN public.metrics.dimensions IS 'sorted [name, value] pairs as compact JSON';
CREATE SEQUENCE public.metrics_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.metrics_id_seq OWNED BY public.metrics.id;
CREATE TABLE public.objects (
    bucket character varying(63) NOT NULL,
    key bytea NOT NULL,
    blob character varying(32) NOT NULL,
    size bigint NOT NULL,
    etag character varying(64) NOT NULL,
    modified double precision NOT NULL,
    algorithm character varying(16) NOT NULL,
    checksum character varying(128) NOT NULL,
    checksum_type character varying(16) NOT NULL,
    attributes json NOT NULL,
    parts json NOT NULL
);
COMMENT ON COLUMN public.objects.parts IS 'of a multipart upload: its id, and its parts';
CREATE TABLE public.parts (
    upload character varying(64) NOT NULL,
    number integer NOT NULL,
    blob character varying(32) NOT NULL,
    size bigint NOT NULL,
    etag character varying(64) NOT NULL,
    checksum character varying(128) NOT NULL,
    modified double precision NOT NULL
);
CREATE TABLE public.resources (
    id character varying(32) NOT NULL,
    account character varying(12) NOT NULL,
    region character varying(32) NOT NULL,
    kind character varying(64) NOT NULL,
    name character varying(512) NOT NULL,
    arn character varying(2048) NOT NULL,
    spec json NOT NULL,
    status json NOT NULL,
    run json NOT NULL,
    phase character varying(16) NOT NULL,
    created double precision NOT NULL,
    modified double precision NOT NULL,
    version integer NOT NULL,
    due double precision,
    lease_owner character varying(64),
    lease_until double precision,
    shown character varying(16) DEFAULT ''::character varying NOT NULL,
    parent character varying(32),
    wakes integer DEFAULT 0 NOT NULL,
    wish json CONSTRAINT resources_wish_document_not_null NOT NULL
);
COMMENT ON COLUMN public.resources.run IS 'the engine''s own notes: handles, offsets; never shown';
COMMENT ON COLUMN public.resources.due IS 'when the reconciler should look again; null when nothing is left to do';
COMMENT ON COLUMN public.resources.shown IS 'the phase that callers see: a wish shows at once';
COMMENT ON COLUMN public.resources.parent IS 'the id of the resource whose work this is a part of';
COMMENT ON COLUMN public.resources.wakes IS 'how often others made it due';
COMMENT ON COLUMN public.resources.wish IS 'what callers want: a word, an id, content; {} when nothing';
CREATE TABLE public.tags (
    arn character varying(2048) NOT NULL,
    key character varying(128) NOT NULL,
    value character varying(256) NOT NULL
);
CREATE TABLE public.uploads (
    id character varying(64) NOT NULL,
    bucket character varying(63) NOT NULL,
    key bytea NOT NULL,
    created double precision NOT NULL,
    algorithm character varying(16) NOT NULL,
    checksum_type character varying(16) NOT NULL,
    attributes json NOT NULL
);
ALTER TABLE ONLY public.changes ALTER COLUMN seq SET DEFAULT nextval('public.changes_seq_seq'::regclass);
ALTER TABLE ONLY public.events ALTER COLUMN seq SET DEFAULT nextval('public.events_seq_seq'::regclass);
ALTER TABLE ONLY public.metrics ALTER COLUMN id SET DEFAULT nextval('public.metrics_id_seq'::regclass);
INSERT INTO public.access_keys VALUES ('x', 'x', 'x', 'x', 'x', 'x', 1.5, 1.5, true, true, '{"a":[1]}');
INSERT INTO public.alembic_version VALUES ('0005');
INSERT INTO public.buckets VALUES ('x', 'x', 'x', 1.5, '{"a":[1]}');
INSERT INTO public.changes VALUES (1, 1, 1.5, 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x');
INSERT INTO public.cursors VALUES ('x', 1, 1, 'x', 1.5);
INSERT INTO public.events VALUES (1, 'x', 'x', 1.5, 'x', 'x', '{"a":[1]}');
INSERT INTO public.links VALUES ('x', 'x', 'x', 'x', 'x', 'x', 'x', 1.5, '{"a":[1]}');
INSERT INTO public.log_groups VALUES ('x', 'x', 'x', 'x', 1.5, 1, 'x', 'x');
INSERT INTO public.log_streams VALUES ('x', 'x', 'x', 1.5);
INSERT INTO public.metric_points VALUES (1, 1, 'x', 'x', 1.5, 1.5, 1.5, 1.5);
INSERT INTO public.metrics VALUES (1, 'x', 'x', 'x', 'x', 'x', 'x');
INSERT INTO public.objects VALUES ('x', '\x78', 'x', 1, 'x', 1.5, 'x', 'x', 'x', '{"a":[1]}', '{"a":[1]}');
INSERT INTO public.parts VALUES ('x', 1, 'x', 1, 'x', 'x', 1.5);
INSERT INTO public.resources VALUES ('x', 'x', 'x', 'x', 'x', 'x', '{"a":[1]}', '{"a":[1]}', '{"a":[1]}', 'x', 1.5, 1.5, 1, 1.5, 'x', 1.5, 'x', 'x', 1, '{"a":[1]}');
INSERT INTO public.tags VALUES ('x', 'x', 'x');
INSERT INTO public.uploads VALUES ('x', 'x', '\x78', 1.5, 'x', 'x', '{"a":[1]}');
SELECT pg_catalog.setval('public.changes_seq_seq', 1, false);
SELECT pg_catalog.setval('public.events_seq_seq', 1, false);
SELECT pg_catalog.setval('public.metrics_id_seq', 1, false);
ALTER TABLE ONLY public.access_keys
    ADD CONSTRAINT access_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.buckets
    ADD CONSTRAINT buckets_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.cursors
    ADD CONSTRAINT cursors_pkey PRIMARY KEY (reader);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.links
    ADD CONSTRAINT links_pkey PRIMARY KEY (source, destination, type);
ALTER TABLE ONLY public.log_groups
    ADD CONSTRAINT log_groups_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.log_streams
    ADD CONSTRAINT log_streams_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.metric_points
    ADD CONSTRAINT metric_points_pkey PRIMARY KEY (metric, at_ms, source);
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT metrics_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT metrics_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.objects
    ADD CONSTRAINT objects_pkey PRIMARY KEY (bucket, key);
ALTER TABLE ONLY public.parts
    ADD CONSTRAINT parts_pkey PRIMARY KEY (upload, number);
ALTER TABLE ONLY public.resources
    ADD CONSTRAINT resources_arn_key UNIQUE (arn);
ALTER TABLE ONLY public.resources
    ADD CONSTRAINT resources_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tags_pkey PRIMARY KEY (arn, key);
ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT uploads_pkey PRIMARY KEY (id);
CREATE INDEX access_keys_by_expires ON public.access_keys USING btree (expires);
CREATE INDEX access_keys_by_principal ON public.access_keys USING btree (principal);
CREATE INDEX changes_by_transaction ON public.changes USING btree (transaction_id, seq);
CREATE INDEX events_by_resource ON public.events USING btree (resource, seq);
CREATE INDEX links_by_created ON public.links USING btree (account, region, created);
CREATE INDEX links_by_destination ON public.links USING btree (destination);
CREATE UNIQUE INDEX log_groups_by_name ON public.log_groups USING btree (account, region, name);
CREATE UNIQUE INDEX log_streams_by_name ON public.log_streams USING btree (group_id, name);
CREATE INDEX metrics_by_name ON public.metrics USING btree (account, region, namespace, name);
CREATE INDEX resources_by_created ON public.resources USING btree (account, region, kind, created);
CREATE INDEX resources_by_due ON public.resources USING btree (due);
CREATE UNIQUE INDEX resources_by_name ON public.resources USING btree (account, region, kind, name);
CREATE INDEX resources_by_parent ON public.resources USING btree (parent, created) WHERE (parent IS NOT NULL);
CREATE INDEX uploads_by_key ON public.uploads USING btree (bucket, key);
ALTER TABLE ONLY public.log_streams
    ADD CONSTRAINT log_streams_group_id_fkey FOREIGN KEY (group_id) REFERENCES public.log_groups(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.metric_points
    ADD CONSTRAINT metric_points_metric_fkey FOREIGN KEY (metric) REFERENCES public.metrics(id) ON DELETE CASCADE;
