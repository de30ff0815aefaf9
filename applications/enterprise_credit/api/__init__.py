"""``/api/v1/department/``: for programs of departments."""
