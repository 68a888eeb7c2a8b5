-- Roles and schemas of Frottis. Run as an administrator, connected to its database; may be run again at any time.
--
--   frottis_owner      owns the tables and migrates them: python -m services.kit.migrate
--   frottis_<service>  reads and writes the rows of its own schema, and can do nothing else
--
-- Passwords are not set here: give each role its own (\password frottis_lis), or let certificates prove it (pg_hba.conf).

DO $$
DECLARE
    service text;
    role text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'frottis_owner') THEN
        CREATE ROLE frottis_owner LOGIN;
    END IF;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO frottis_owner', current_database());
    REVOKE ALL ON SCHEMA public FROM PUBLIC;

    FOREACH service IN ARRAY ARRAY['ingestion', 'lis', 'reasoning', 'review'] LOOP
        role := 'frottis_' || service;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role);
        EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION frottis_owner', service);

        SET LOCAL ROLE frottis_owner;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', service, role);
        -- Which version the tables have is for the owner alone to say, so this table is made before the grants below.
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS %I.alembic_version ('
            'version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY)', service
        );
        EXECUTE format('GRANT SELECT ON %I.alembic_version TO %I', service, role);
        EXECUTE format(
            'ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', service, role
        );
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT USAGE ON SEQUENCES TO %I', service, role);
        RESET ROLE;
    END LOOP;
END
$$;
