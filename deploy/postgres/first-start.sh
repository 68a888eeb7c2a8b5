# Run by the image at the first start, when there is no database yet.
scripts=/etc/frottis/postgres
psql -v ON_ERROR_STOP=1 -d postgres -f $scripts/database.sql
psql -v ON_ERROR_STOP=1 -d frottis -f $scripts/roles.sql -f $scripts/passwords.sql
