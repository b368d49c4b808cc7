"""Resources, jobs, tags and credentials in one SQL database: SQLite by default, PostgreSQL by URL."""
