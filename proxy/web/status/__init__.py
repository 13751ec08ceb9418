"""What people look at on the admin listener: the status page, the lists of joins, and the story of each signature."""
