-- The roles' passwords, from the files that are mounted. Run with psql in the container, again after a file has changed.
\set owner `cat /run/secrets/database-owner-password`
\set ingestion `cat /run/secrets/database-ingestion-password`
\set lis `cat /run/secrets/database-lis-password`
\set reasoning `cat /run/secrets/database-reasoning-password`
\set review `cat /run/secrets/database-review-password`
ALTER ROLE frottis_owner PASSWORD :'owner';
ALTER ROLE frottis_ingestion PASSWORD :'ingestion';
ALTER ROLE frottis_lis PASSWORD :'lis';
ALTER ROLE frottis_reasoning PASSWORD :'reasoning';
ALTER ROLE frottis_review PASSWORD :'review';
