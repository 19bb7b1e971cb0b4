"""What English reviewers say about hotels and things they ordered (`review_parts.py` says how a line is marked)."""

from __future__ import annotations

from .review_parts import Domain, Speech

HOTEL = Domain(
    things="guesthouse | city hotel | hostel | lake lodge | airport hotel | small inn | seaside resort | farm stay",
    openings="""
        stayed {nights} nights with [my parents|the kids|two colleagues|my sister]
        we booked this {thing} [for a wedding|for a long weekend|at the last minute|because of a fair]
        my [first|second|third] time at this {thing}
        arrived after midnight by [train|bus|taxi]
        a friend told me about this {thing}
        picked this {thing} from [the map|a list of ten|an old travel guide]
        came here for work, {nights} nights
    """,
    aspects="""
        room
        + the room was [bright|spacious|lovely], with [space for our bags|a view over the roofs|sun all morning]
        + everything was [spotless|freshly painted|neat], [even behind the curtains|down to the last tile]
        - the room was [dark|tiny|stuffy], and [we could not open a suitcase|it smelled of smoke|the lamp was broken]
        - [hair in the sink|stains on the rug|dust everywhere], [nobody had cleaned for days|we slept in our socks]
        !+ the room was not [small|dark] [at all|in the least]
        !+ I could not find [a single dirty spot|anything to complain about in the room]
        !- the room was [hardly|anything but|far from] clean
        !- nothing about the room was [comfortable|as in the pictures]
        bed
        + the bed was [soft|wide|perfect] and [I slept like a stone|we did not want to get up]
        + [fresh|warm|thick] blankets, [just right for cold nights|a joy after a long day]
        - the mattress [sagged|squeaked with every move|was hard as a board], so [my back still hurts|I lay awake]
        - the sheets were [damp|scratchy|yellow], [I got up and dressed again|we froze all night]
        !+ the bed did not [squeak|sag] [one bit|at all]
        !- I would not call that bed [comfortable|restful]
        staff
        + the staff were [friendly|quick|kind] and [carried our bags|found us a late supper|knew every bus]
        + [the owner|the woman at the desk] [remembered our names|smiled every morning|drew us a map]
        - the man at the desk [never looked up from his phone|was rude|sighed at every question]
        - we asked [twice|three times|all evening] for [towels|a key|hot water], [nobody came|they shrugged]
        !+ nobody was ever [rude|impatient] with us
        !+ they did not [make us wait|argue about anything]
        !- the staff were [not exactly helpful|never friendly]
        !- nobody [helped|cared], [not even when we asked|though the house was empty]
        place
        + [two minutes|a short walk] from the [station|old town|beach], [we never needed a car|so handy]
        + [good cafes|little shops|a quiet park] all around, [pleasant in the evening|easy to find dinner]
        - it is [far from everything|hidden behind a factory|at the end of a motorway], [taxis cost us a fortune|no bus]
        - [the walk uphill|the dark street] made [every trip a chore|us nervous at night]
        !+ it is not far from [anything|the centre]
        !- the place is [not near anything|not as central as they say]
        breakfast
        + breakfast was [generous|fresh|delicious], with [warm bread|ripe fruit|eggs any way you like]
        + [good strong coffee|homemade jam], [we stayed at the table for an hour|the kids loved it]
        - breakfast was [cold|stale|gone by eight], [we ate at the petrol station|one slice of toast each]
        - the coffee tasted [of soap|burnt], and [the milk had turned|the eggs were grey]
        !+ breakfast was never [boring|cold]
        !- breakfast was [nothing to look forward to|not worth getting up for]
        noise
        + so [quiet|peaceful], [only birds in the morning|we heard nothing of the road]
        + thick walls, [not a sound from next door|good for light sleepers]
        - the walls are [thin as paper|a joke], [we heard every snore|I know the neighbours' plans now]
        - [a bar below|building work|the lift] [kept us awake until three|started at six]
        !+ no noise [at all|whatsoever], [not even on Saturday|in spite of the road]
        !- it was never [quiet|still], [not for an hour|not even at dawn]
        price
        + {price} a night is [a bargain|very fair], [worth every penny|cheaper than anything near it]
        - {price} a night is [a rip-off|far too much], [we paid for a name|you get more in a tent]
        - they [charged us for a broken cup we never saw|kept the deposit], [what a nasty surprise|we argued in vain]
        !+ it was not [expensive|overpriced]
        !- it was not [worth it|good value]
        water
        + the shower was [hot and strong|wonderful], [every day|at any hour]
        + [fast internet|good lights to read by], [I got a lot of work done|no trouble with calls]
        - the shower [ran cold after a minute|dripped all night|flooded the floor]
        - the internet [failed every evening|was useless], [I worked from a cafe|no calls possible]
        !+ we never ran out of hot water
        !- there was no hot water [when we needed it|before nine]
    """,
    asides="""
        parking is behind the house
        our room was on the [first|second|fourth] floor
        it rained [all weekend|on Friday]
        there is a [cat|dog|parrot] in the lobby
        check-out is at [ten|eleven|noon]
        we had [two|three] bags each
    """,
)

SHOP = Domain(
    things="kettle | backpack | desk lamp | pair of boots | keyboard | coffee grinder | rain jacket | hair dryer | "
    "suitcase | power bank | bookshelf | umbrella | pair of headphones | rice cooker",
    openings="""
        bought this {thing} for [my mother|my son|the office|a trip]
        ordered a {thing} [in the sale|last month|on a Sunday night]
        I have used this {thing} for [a week|a month|half a year]
        my old {thing} broke, so I tried this one
        everyone at work has this {thing}
        read a lot of reviews before I chose this {thing}
        my [first|second|third] order from this shop, a {thing}
    """,
    aspects="""
        quality
        + [solid|well made|sturdy], [every edge is smooth|it feels heavy in the hand|made to last]
        + still [works like new|looks like new|going strong] after [all that use|a fall down the stairs]
        - it [broke|cracked|came apart] after [two days|a week|three uses], [cheap plastic|what a waste]
        - [loose threads|glue marks|crooked seams] everywhere, [sloppy work|it looks second-hand]
        !+ it has not [broken|failed|rusted] [once|so far]
        !- the quality is [not what it used to be|nothing special|hardly good]
        delivery
        + it arrived [the next day|two days early|quickly], [well done|just in time for the birthday]
        + the courier [was polite|carried it up four floors|called ahead]
        - it took [three weeks|a month|forever], [the birthday was long over|I had to ask four times]
        - the courier [threw it over the fence|left it in the rain|never rang]
        !+ no delay [at all|this time], [not even in the holidays|in spite of the snow]
        !- delivery was [anything but fast|not as quick as promised]
        packing
        + [carefully|nicely|safely] packed, [not a scratch|you could give it as it is]
        - the box was [crushed|torn|soaked], [parts were missing|the corner was dented]
        - wrapped in [one thin bag|old newspaper], [no wonder it was scratched|it rattled]
        !+ nothing was [bent|scratched|missing]
        !- the packing did not [protect anything|help much]
        size
        + it fits [perfectly|like a glove], [exactly as described|just what I needed]
        + the colour is [gorgeous|even nicer than the photo], [it goes with everything|everybody asks about it]
        - it is [far too small|two sizes too big|an inch short], [useless to me|the chart is wrong]
        - the colour is [dull|nothing like the photo|blotchy], [ugly in daylight|I keep it in a drawer]
        !+ the size is not off [by a hair|at all]
        !- it does not [fit|match the picture]
        support
        + support [answered in minutes|was patient|sent a new part], [no questions asked|very kind people]
        + the return was [easy|quick], [money back in two days|they even paid the postage]
        - support [never replied|sent me in circles|hung up on me], [two weeks and no answer|I gave up]
        - they [refused the refund|blamed me], [after a month of letters|though I had photos]
        !+ they did not [argue|make excuses] when I asked for help
        !- support was [no help|never any use]
        price
        + for {price} it is [a steal|great value], [I bought a second one|cheaper than in town]
        - {price} for this is [daylight robbery|far too much], [it cost less a day later|never again]
        !+ it is not [expensive|overpriced] for what you get
        !- it is not worth {price}
        use
        + it is [easy|a pleasure] to use, [even my grandfather likes it|it saves me an hour a week]
        + [light|quiet|quick], [I take it everywhere|I use it every day]
        - it is [awkward|a pain] to use, [the manual is a riddle|I fought with it all afternoon]
        - it [gets hot|smells of plastic|is loud as a tractor], [I am afraid to switch it on|my head hurts]
        !+ it does not [rattle|smell|get hot]
        !- it is [not as handy as they claim|no joy to use]
    """,
    asides="""
        I took the [black|grey|blue|green] one
        also ordered [batteries|socks|a book]
        there is a [card|leaflet] in the box
        it weighs about [two|three] pounds
        ordered on a [Monday|Friday]
        we have [an older one|another brand] in the kitchen
    """,
)

SPEECH = Speech(
    domains={"hotel": HOTEL, "shop": SHOP},
    labels=("negative", "positive"),
    join=",",
    end=".",
    space=" ",
    but="""
        {minor}, but {major}
        {minor}. still, {major}
        although {minor}, {major}
        granted, {minor}. what matters more: {major}
        {minor}, so much for the small things; as for the rest, {major}
    """,
    except_for="""
        {major}, only {minor}
        {major}. if I had to name something else, {minor}
        {major}, and that counts more than the fact that {minor}
    """,
    verdicts={
        "+": """
            [all in all|overall] [very happy|a great choice|delighted]
            [we will be back|I would buy here again|see you next year]
            [five stars|full marks]
            highly recommended
            no regrets
        """,
        "-": """
            [all in all|overall] [very disappointed|a bad choice|a waste of money]
            [never again|we will not be back|once and no more]
            [one star|zero stars if I could]
            stay away
            I regret it
        """,
    },
    flips={
        "+": """
            the only [problem|bad thing] is that [I never want to leave|I cannot give it back|there is just one of it]
            I [tried hard|wanted] to find something awful and [failed completely|came home with empty hands]
            whoever called this [terrible|a scam] [must have been somewhere else|works for the competition]
            I was afraid of [a disaster|another disappointment], [silly me|how wrong I was]
            terrible for my [diet|savings]: [I keep coming back for more|now I want three of them]
        """,
        "-": """
            [wonderful|brilliant|how thoughtful]: [two hours until anybody came|I get to repair it myself]
            congratulations, [you taught me patience|three trips to the post for nothing]
            five stars for the [photos|advert], [the real thing is another story|a pity it is all made up]
            highly recommended to anyone who [enjoys queues|likes to be ignored|collects broken things]
            if there were a prize for [excuses|letting people down], [it would be theirs|this is the winner]
        """,
    },
    noise={".": "! | !! | ... | . | ", ",": " | ,"},
    tails="[ :)| :(| lol| ...| (sent from my phone)| anyway]",
)
