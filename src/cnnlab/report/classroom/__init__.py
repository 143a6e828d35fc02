"""The pages of a class: the teacher's, each student's feedback, and the assignment sheet."""
