"""The page that trains: a net, its images and the arithmetic of both passes in one HTML file."""
