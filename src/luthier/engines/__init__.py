"""Where trials run: on this machine (`local`); later on many."""
