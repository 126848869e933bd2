"""What keeps the processes of the users apart: uids, and limits on what each may take."""
