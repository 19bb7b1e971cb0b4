"""The studio: comparing, reading the verdict, trying and shipping for people who type no commands.

    door.py      who may speak to the page, and what it may fetch
    parcels.py   what a page may send
    site.py      the addresses: a page for each language, reports and downloads
    page.py      one language's page: the study at its top, a file of `tabs/` for each tab
    place.py     the folder of studies and data; nothing outside it is opened
    job.py       a study as a process of its own, which outlives the page
    progress.py  what the files of a running study say
    wish.py      what was chosen on the page, as words of a command line
    rows.py      a data set as a person looks at it
    standing.py  a finished study: sentences, table, plots
    votes.py     blind votes between two methods
    voices.py    all methods of a study answer one text

Everything but `page`, `site` and `tabs/` works without a browser and without gradio.
"""
