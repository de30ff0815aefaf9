"""Documents on paper (PDF): what each says and how it is laid out. Each is read, drawn and issued by one module."""
