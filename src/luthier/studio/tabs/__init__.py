"""The tabs of the page, a file each: what is laid out where, and what happens when something is pressed."""
