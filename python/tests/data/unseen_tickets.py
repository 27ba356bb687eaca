"""Tickets and reviews that the demo model's lexicon was not tuned with: what the classifier makes
of text it was not made for. When one fails, mend the rule behind it, not its words."""

TICKETS: tuple[tuple[str, str], ...] = (
    ("The map marker is drawn in the sea instead of in the harbour.", "bug"),
    ("Exported PDFs have no page numbers although the option is ticked.", "bug"),
    ("Copying text from the viewer inserts random characters.", "bug"),
    ("Half of the thumbnails are missing after the migration.", "bug"),
    ("The mobile site is impossible to scroll on my old iPhone.", "bug"),
    ("I was billed for ten seats while only six people use it.", "billing"),
    ("Is there a student discount?", "billing"),
    ("Direct debit bounced, can you try again tomorrow?", "billing"),
    ("Please correct the tax number printed on invoice 2231.", "billing"),
    ("My trial ended and I got charged without notice.", "billing"),
    ("Your system does not recognise my e-mail address when I sign in.", "account"),
    ("I'd like to rename my account.", "account"),
    ("Could you unlock my user? I typed the wrong PIN too often.", "account"),
    ("Someone changed my password without my knowledge.", "account"),
    ("Let me choose the default currency for new projects, please.", "feature request"),
    ("A mobile widget showing today's tasks would be lovely.", "feature request"),
    ("It's a pity that comments cannot be edited, please consider that.", "feature request"),
    ("Any plans to support Markdown?", "feature request"),
    ("What does the yellow icon mean?", "question"),
    ("How do I move a card to another list?", "question"),
    ("Are there limits on the number of projects?", "question"),
    ("Can I run it on my own server?", "question"),
    ("Where do deleted files go?", "question"),
    ("When is the next webinar?", "question"),
)

REVIEWS: tuple[tuple[str, str], ...] = (
    ("The waiter smiled and the bread was still warm.", "positive"),
    ("Two of the four screws were missing and nobody replied to my mails.", "negative"),
    ("The course has twelve lessons.", "neutral"),
    ("I keep telling all my friends about it, simply brilliant.", "positive"),
    ("Overcooked, overpriced, overrated.", "negative"),
    ("It is sold in packs of six.", "neutral"),
    ("The new version is so much faster and easier to use.", "positive"),
    ("I had to call three times before anyone helped me, really annoying.", "negative"),
    ("A clean, quiet room with a stunning view.", "positive"),
    ("The handle came off in my hand.", "negative"),
    ("Registration starts on the first of May.", "neutral"),
    ("Never again will I book with this company.", "negative"),
)
