-- The database of Frottis. Run once, as an administrator, connected to any other database.
-- Text sorts by its bytes, as it does in the embedded default, so that both decide alike.
CREATE DATABASE frottis TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
