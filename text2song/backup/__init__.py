"""A studio's state in a folder, and back: database and store, independent of which database and which store.

    DIR/manifest.json              what the backup holds, with the SHA-256 of all of it; written last
    DIR/snapshots/<id>/*.jsonl.gz  the rows of every table, read in one consistent snapshot, and the list of files
    DIR/store/ab/abcd…             the files those rows name, each called by its SHA-256
    DIR/index.sqlite3              what has been copied from where; a cache that saves copying it again

Files are copied after the rows were read: a file never changes once a row names it. The manifest is replaced in one
step, so a folder holds its last finished backup whole until the next one is finished.
"""
