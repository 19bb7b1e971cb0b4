"""Files that are copied into exports as they are. They import one another by file name and nothing of luthier."""
