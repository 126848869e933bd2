"""The public door beside direct access: load, wakes, many known users, and a day of 2,000."""
