"""The rating schemes that come with the project, as documents (*.toml)."""
