"""A class: who is in it, what is handed out and handed in, and what that comes to; no student's code is ever run."""
