"""Jobs as widgets: one row a job, and the log of one of them. The page is in `pages/jobs.py`."""
