"""Records → pages. Modules are imported where they are used: they bring matplotlib and Jinja."""
