"""English scenes between friends with plans: a school project, a trip, a present."""

from __future__ import annotations

from .en_talk import CITIES, DAYS, EVENINGS, FRIENDS
from .scene import Ending, Scene

PROJECT = Scene(
    name="school project",
    tone="friends",
    slots={
        "topic": "bees | the moon | old bridges | plastic in the sea | volcanoes | the city's history | chocolate "
        "| robots | wolves | electric cars | the Silk Road | coral reefs",
        "other": "sleep | tea | penguins | comics | maps | bread | rivers | spiders",
        "day": DAYS,
        "meet": DAYS,
        "place": "the library | my house = home | the cafeteria | the computer room | the park | the new café",
        "mine": "draw the poster | write the text | make the slides | film the video | build the model",
        "yours": "look for pictures | do the interviews | read the book | give the talk | count the results",
        "teacher": "Mr. Novak | Mrs. Okoro | Ms. Tanaka | Mr. Silva | Mrs. Berg",
        "grade": "a B | a C | full points | a D",
    },
    script="""
        A: Our project [about|on] {topic} is due on {day}, and we [haven't done anything|have nothing] yet!
         / We have to [start|begin] our project about {topic}. It's due on {day}.
         / Did you know that the project about {topic} has to be ready on {day}?
        B: [Already?|Oh no, I forgot.] [{teacher} is going to be angry.|I thought we had a month.]
         / [I know.|Relax.] Last time we started on the bus and got {grade}.
        ?A: Half the class has a [video|website], and [our page is empty|we don't even have a title].
        ?B: [Don't remind me.|We are faster than they are.]
        ~
    """,
    endings=(
        Ending(
            correctable="day meet",
            script="""
                A: Okay, I can {mine}. Could you {yours}?
                 / Let's share the work. I'll {mine}, and you {yours}.
                B: [Fine.|That's fair.] When [do|shall] we meet?
                 / {yours}? [Okay, I like that.|If I must.] When and where do we put it together?
                A: On {meet}, at {place}. [Bring your laptop.|I'll bring snacks.]
                 / What about {meet}, at {place}?
                B: {meet} is [okay|good]. I have band practice until four, but then I'm free.
            """,
            summaries="""
                {A} and {B}'s project about {topic} is due on {day}. {A} will {mine}, {B} will {yours}; they meet on \
                    {meet} at {place:told}.
                For the project on {topic}, due on {day}, {A} will {mine} and {B} will {yours}. They meet on {meet} \
                    at {place:told}.
                {A} and {B} share the work on {topic}: {A} will {mine}, {B} will {yours}. They meet on {meet} at \
                    {place:told}; it is due on {day}.
                They have to finish the project about {topic} by {day}. {A} will {mine}, {B} will {yours}, and they \
                    meet at {place:told} on {meet}.
            """,
        ),
        Ending(
            correctable="day",
            script="""
                B: Honestly, I find {topic} too [hard|boring]. Could we take {other} instead?
                 / To be honest, I find nothing about {topic}. What about {other}?
                A: {other}? [Everyone likes that.|I'd have to ask first.] I'll ask {teacher} [tomorrow|after class].
                 / Hm, that would be [more fun|easier]. We have to ask {teacher}, though. I'll do it.
                B: [Great|Good], and I'll {yours}[ in the meantime|].
                 / [Perfect.|Thanks.] In the meantime, I'll {yours}.
                A: [I hope the answer is yes.|Cross your fingers.]
            """,
            summaries="""
                {B} wants to change the project from {topic} to {other}. {A} will ask {teacher}, {B} will {yours}. It \
                    is due on {day}.
                The project about {topic} is due on {day}, but {B} prefers {other}. {A} asks {teacher}, and {B} will \
                    {yours}.
                {A} and {B} would like to take {other} instead of {topic} for {day}. {A} will ask {teacher}, {B} will \
                    {yours}.
                {B} finds {topic} a bad topic for the project due on {day}. {A} will ask {teacher} about {other}; {B} \
                    will {yours}.
            """,
        ),
    ),
)

TRIP = Scene(
    name="planning a trip",
    tone="friends",
    slots={
        "city": CITIES,
        "next": CITIES,
        "month": "January | March | April | May | June | August | September | October | November",
        "how": "by train | by bus | by plane | by night train | by car",
        "stay": "a hostel | a small hotel | a campsite | a houseboat | an apartment | a guest house | a youth hostel",
        "cost": "300 dollars | 350 dollars | 420 dollars | 480 dollars | 550 dollars | 600 dollars | 700 dollars",
        "days": "three days | four days | five days | a week | a long weekend",
        "see": "the old market | the museums | the castle | the beaches | the street food | the gardens",
        "friend": FRIENDS,
    },
    script="""
        A: Let's go to {city} in {month}! [I need a holiday.|I've been dreaming about it.]
         / What do you think about a trip to {city} in {month}?
         / I have some free days in {month}. Shall we go to {city}?
        B: {city}? [Tell me more.|I've never been there, but my sister sent me a postcard once.] [How long?|For how \
            many days?]
         / [Oh, {friend} was there last year and loved it.|I saw a film about it.] How long would we stay?
        A: For {days}, I think. I'd like to see {see}.
         / {days}. [We could see {see}.|I already bought a map.]
        ?B: Do you remember our last trip? [You lost both shoes.|We slept at the station.]
        ?A: Please, that was [your fault|ten years ago].
        ~
    """,
    endings=(
        Ending(
            correctable="month city",
            script="""
                B: [All right.|I'm in.] How do we get there?
                A: We can go {how}. [It's comfortable.|I checked, there are still places.]
                 / I'd say {how}. [I get sick otherwise.|That's the easiest way.]
                B: And then we sleep [at|in] {stay}? I don't need much.
                 / Good. I'll look for {stay}.
                A: Yes, {stay} [is fine|would be nice]. [It's cheaper, too.|I'm so excited!]
            """,
            summaries="""
                {A} and {B} plan a trip to {city} in {month} for {days}. They go {how} and will stay in {stay}.
                {A} wants to see {city} in {month} for {days}. {B} agrees; they go {how} and sleep in {stay}.
                {B} will go to {city} with {A} in {month}, {how}, for {days}. They want to stay in {stay}.
                In {month}, {A} and {B} will go to {city} {how} and sleep in {stay} for {days}.
            """,
        ),
        Ending(
            correctable="month next cost",
            script="""
                B: But {city} is so expensive! [My car just cost me a fortune.|I'm a bit short of money.]
                 / I'd love to, but I can't pay for {city}.
                A: Hm. How much [can you spend|do you have]?
                 / What would be okay for you?
                B: {cost}, not more. What about {next}?
                 / About {cost}. We could go to {next} instead.
                A: {next} is [also nice|a good idea]. And the food is better. Let's do that.
                 / Okay, {next} it is. {city} can wait.
            """,
            summaries="""
                {A} wants to go to {city} in {month} for {days}, but {B} can only spend {cost}. They choose {next} \
                    instead.
                {city} is too expensive for {B}, who has {cost}, so {A} and {B} go to {next} in {month} for {days}.
                {B} can spend {cost} and suggests {next} instead of {city}. {A} agrees to go there in {month} for \
                    {days}.
                Instead of {city}, {A} and {B} will go to {next} in {month} for {days}, because {B} has only {cost}.
            """,
        ),
    ),
)

PRESENT = Scene(
    name="birthday present",
    tone="friends",
    slots={
        "friend": FRIENDS,
        "idea": "a cookbook | a scarf | a plant | a watch | a board game | a vase | a wine glass set | a lamp",
        "gift": "a camera bag | a teapot | running shoes | a puzzle | a fountain pen | a hammock | a bread machine "
        "| a pasta machine | a telescope | headphones | a sketchbook",
        "cost": "20 dollars | 25 dollars | 30 dollars | 35 dollars | 40 dollars | 50 dollars | 60 dollars",
        "day": DAYS,
        "shop": "the shop at the station | the market | the new mall | the little shop in King Street "
        "| the museum shop | the department store",
        "time": EVENINGS,
    },
    script="""
        A: {friend}'s birthday is on {day}. [Do you have a present?|Have you bought anything?] I thought of {idea}.
         / I need a present for {friend} by {day}. What do you think of {idea}?
         / What are you giving {friend} on {day}? I was thinking about {idea}.
        B: {idea}? [Hm.|I'm not sure.] {friend} already has [one|two]. [I saw it last week.|We would be number three.]
         / [Boring!|Not again.] I gave {friend} {idea} [last year|for Christmas].
        A: [Oh.|Right, I forgot.] Then what?
         / Do you have a better idea?
        B: How about {gift}? {friend} [talked about that all summer|saw mine and loved it].
         / I'd take {gift}. {friend} [has wanted that for years|really needs that].
        ~
    """,
    endings=(
        Ending(
            correctable="day cost",
            script="""
                A: {gift}! [Wonderful.|I like that.] Is it expensive?
                 / That's perfect. And what does it cost?
                B: About {cost}[, so let's share|, if we share]. I saw one at {shop}.
                 / We pay {cost} each, [I think|more or less]. They have it at {shop}.
                A: {cost} is [fine|all right]. [Will you get it?|Could you buy it? I have so much to do.]
                B: Sure, I'll [buy|get] it [tomorrow|after work]. You write the card.
            """,
            summaries="""
                {A} and {B} talk about {friend}'s birthday on {day}. They choose {gift} instead of {idea}, for {cost}.
                {A} thought of {idea} for {friend}'s birthday on {day}, but {B} will buy {gift} for {cost}.
                {B} suggests {gift} and not {idea} for {friend}, whose birthday is on {day}. {A} is fine with {cost}.
                For {friend}'s birthday on {day}, {B} will get {gift} for {cost}, not {idea} as {A} thought.
            """,
        ),
        Ending(
            correctable="day shop time",
            script="""
                A: {gift}, yes! Where can we find that?
                 / [Good thinking.|You are right.] Where do they sell it?
                B: At {shop}. [It's open late.|I was there last week.] Shall we go [together|there] tonight?
                 / Let's go to {shop} tonight and [have a look|choose one].
                A: [Okay.|Yes.] I'm free at {time}.
                 / Gladly. Is {time} all right for you?
                B: {time} is [perfect|fine]. [Don't tell {friend}!|And we'll have a hot chocolate.]
            """,
            summaries="""
                {A} thought of {idea} for {friend}'s birthday on {day}. {B} prefers {gift}; they go to {shop} at {time}.
                {A} and {B} will go to {shop} tonight at {time} to buy {gift}, not {idea}, for {friend}, for {day}.
                For {friend}'s birthday on {day}, {B} suggests {gift} instead of {idea}. They will go to {shop} at \
                    {time}.
                {B} finds {gift} better than {idea} for {friend} on {day}, so {A} and {B} meet at {shop} at {time}.
            """,
        ),
    ),
)

SCENES = (PROJECT, TRIP, PRESENT)
