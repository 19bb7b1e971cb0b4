"""English scenes between people on their way or at work: an interview, a late bus, a swapped shift."""

from __future__ import annotations

from .en_talk import DAYS, FRIENDS, MORNINGS
from .scene import Ending, Scene

INTERVIEW = Scene(
    name="job interview",
    tone="strangers",
    slots={
        "job": "cook | night guard | nurse | driver | sales assistant | gardener | web designer | receptionist "
        "| teacher | baker | librarian | tour guide",
        "years": "two years | three years | four years | five years | seven years | ten years",
        "past": "a bakery | a small hotel | a hospital | a family business | a start-up | the city hall | a theatre "
        "| a car factory",
        "start": "in May | next week | after Easter | in September | at once | in two months | in January",
        "day": DAYS,
        "time": MORNINGS,
        "pay": "2,100 dollars | 2,400 dollars | 2,600 dollars | 2,900 dollars | 3,200 dollars | 3,500 dollars",
        "gap": "French | accounting | first aid | Spanish | programming | sign language | photography",
    },
    script="""
        A: I'm here [about|for] the job as a {job}. [We spoke on the phone.|Am I too early?]
         / I have an interview for the job as a {job}[, I think with you|].
        B: [Welcome.|Please sit down.] [Tell me about yourself.|What did you do before?]
         / [Nice to meet you.|Come in.] What experience do you have?
        A: I worked at {past} for {years}. [I liked the team a lot.|I learned to stay calm there.]
         / Well, I spent {years} at {past}. I even won a prize once.
        ?B: What would your [friends|old colleagues] say about you?
        ?A: That I'm never late, and that I [talk in the lift|sing too much].
        ~
    """,
    endings=(
        Ending(
            correctable="years pay",
            script="""
                A: [May I ask about the salary?|And how much do you pay?]
                B: We pay {pay} a month. Is that all right?
                 / It's {pay} a month, and lunch is free. How does that sound?
                A: {pay} is fine[ for me|]. [When do I start?|When could I begin?]
                 / [That's okay.|I'm happy with {pay}.] When would you need me?
                B: [You can|Please] start {start}. I'm glad to have you.
                 / If you like, you can begin {start}.
            """,
            summaries="""
                {A}, who worked at {past} for {years}, gets the job as a {job} for {pay} a month and can start {start}.
                {A} has an interview for the job as a {job} after {years} at {past}. {B} pays {pay} a month, from \
                    {start}.
                {B} gives {A} the job as a {job}, to start {start}, for {pay} a month. {A} spent {years} at {past}.
                After {years} at {past}, {A} will be a {job}. {B} offers {pay} a month, and {A} can begin {start}.
            """,
        ),
        Ending(
            correctable="years day time",
            script="""
                B: [I like that.|Thank you for telling me.] But this job also needs {gap}. Is that a problem?
                 / I see. And what about {gap}? We need that here.
                A: I don't have that yet, but I [could|can] learn it [quickly|this summer].
                 / Not yet. [I'm a fast learner, though.|I would love to learn it.]
                B: All right. Then come for a test on {day} at {time}.
                 / Let's do a trial day. Can you come on {day} at {time}?
                A: On {day} at {time}. [I'll be there.|Yes, gladly.]
                 / [With pleasure.|Of course.] [What should I wear?|I won't be late.]
            """,
            summaries="""
                {A} worked at {past} for {years} and wants to be a {job}. {A} lacks {gap} but can come on {day} at \
                    {time}.
                {B} needs a {job} with {gap}. {A}, after {years} at {past}, will come for a trial on {day} at {time}.
                {A} has {years} at {past} but still has to learn {gap} for the job as a {job}. {B} sees {A} again on \
                    {day} at {time}.
                {B} asks {A}, who spent {years} at {past}, to come for the job as a {job} on {day} at {time}, though \
                    {A} can't do {gap}.
            """,
        ),
    ),
)

BUS = Scene(
    name="bus delay",
    tone="strangers",
    slots={
        "bus": "bus 4 | bus 12 | bus 18 | bus 27 | bus 31 | bus 56 | bus 73 | bus 90 | bus 65",
        "why": "an accident | a flat tyre | heavy snow | a football match | road work | a demonstration "
        "| a fallen tree | a broken traffic light",
        "late": "twenty minutes | half an hour | forty minutes | an hour | 25 minutes | a quarter of an hour",
        "goal": "the airport | the dentist | my exam = an exam | the theatre "
        "| my daughter's school = the school of {A}'s daughter | the hospital | work | a job interview | the harbour",
        "other": "tram 2 | the underground | tram 9 | a taxi | a rental bike | the train from platform one | bus 8",
        "phone": "call my boss = {A}'s boss | call my wife = {A}'s wife | call my mother = {A}'s mother "
        "| call my brother = {A}'s brother | call the office = the office | call my teacher = {A}'s teacher",
        "weather": "this wind | this rain | the cold | the heat",
    },
    script="""
        A: Do you know when {bus} is coming? I have to get to {goal}.
         / Did I miss {bus}? I need to be at {goal} soon.
         / Are you also waiting for {bus}? I'm on my way to {goal}.
        B: It's late. [The app says|I just read] there is {why}, so it will take {late}.
         / You haven't heard? Because of {why}, it's {late} late.
        A: {late}! [And that in {weather}.|I knew I should have walked.]
         / [Oh no.|Not again.] {why}? [Last week it was the driver's cat.|And I left home so early.]
        ?B: [Yesterday|On Tuesday] I waited even longer, [with two bags of fish|and I had no hat].
        ?A: You poor thing.
        ~
    """,
    endings=(
        Ending(
            correctable="bus late",
            script="""
                A: Is there another way to get to {goal}?
                 / How else can I get there?
                B: Take {other}. [It's just around the corner.|It's faster anyway.]
                 / You could go by {other}. That's what I would do.
                A: {other}, [good idea|of course]. [Are you coming, too?|Do you want to come along?]
                 / Thank you, I'll try {other}. [And you?|What about you?]
                B: No, I [have time|will wait here]. My book is good.
            """,
            summaries="""
                {bus} is {late} late because of {why}. {A} has to get to {goal:told}, and {B} suggests {other}.
                {A} is waiting for {bus} to {goal:told}. {B} says {why} makes it {late} late, so {A} tries {other}.
                Because of {why}, {bus} will take {late}. {B} tells {A} to take {other} to {goal:told}.
                {B} tells {A} that {bus} is {late} late because of {why}. {A} will go to {goal:told} by {other}.
            """,
        ),
        Ending(
            correctable="bus late",
            script="""
                B: You can still walk, but it's [far|uphill all the way].
                 / There is always the tram, but it's [full|very slow].
                A: No, I'd rather wait. But I should {phone}. [Oh no, my battery is empty.|And my phone is at home!]
                 / Then I'll wait. I only have to {phone}, and [my phone is dead|I forgot my phone].
                B: Here, use mine. [Please.|No problem.]
                 / You can use my phone[, if you like|].
                A: That's so kind of you. [It won't take long.|Just one minute.]
            """,
            summaries="""
                {bus} to {goal:told} is {late} late because of {why}. {A} waits and uses {B}'s phone to call \
                    {phone:told}.
                {A} has to get to {goal:told}, but {bus} is {late} late because of {why}. {B} lets {A} call \
                    {phone:told}.
                Because of {why}, {A} has to wait {late} for {bus} to {goal:told} and can call {phone:told} with \
                    {B}'s phone.
                {B} says that {bus} is {late} late because of {why}. On the way to {goal:told}, {A} will wait and \
                    call {phone:told} with {B}'s phone.
            """,
        ),
    ),
)

SHIFT = Scene(
    name="swapping a shift",
    tone="friends",
    slots={
        "mine": DAYS,
        "yours": DAYS,
        "part": "early shift | late shift | night shift | lunch shift | weekend shift | morning shift",
        "why": "my son's school play = a school play | a dentist appointment | my sister's wedding = a wedding "
        "| a driving test | a funeral | my parents' visit = a family visit | a parents' evening | a court date",
        "boss": FRIENDS,
        "fail": "I have a concert = a concert | I'm at the hospital with my dad = a hospital visit "
        "| I have a class = a class | I already booked a trip = a trip | I have my kids = the kids "
        "| I'm moving = moving house",
        "friend": FRIENDS,
        "thanks": "buy you lunch = lunch | bring you a cake = a cake | wash your car = a car wash "
        "| make the coffee all week = coffee all week | do the dishes = doing the dishes",
    },
    script="""
        A: Could you take my {part} on {mine}? I have {why}.
         / I need somebody for my {part} on {mine}, because of {why}.
         / I have a problem. My {part} on {mine} is at the same time as {why}.
        B: [Did you ask the boss?|Does the boss know?] You know how it was last time.
         / [Again?|Hm.] [Is it just this once?|What did the boss say?]
        A: [Yes|Sure]. {boss} says it's all right if [I find somebody|the list is full].
         / I asked {boss}. [It's fine if we do it ourselves.|No problem, as long as somebody is here.]
        ?B: That's new. Last time it took [three forms|two weeks].
        ?A: I know! [They have a new system.|I couldn't believe it, either.]
        ~
    """,
    endings=(
        Ending(
            correctable="mine",
            script="""
                B: I can do {mine} if you take my shift on {yours}.
                 / Let's swap, then. I work on {mine}, and you work for me on {yours}.
                A: {yours}? [Done.|That's fair.] You are saving my life.
                 / [Yes, of course.|Gladly.] And I'll {thanks}.
                B: [It's nothing.|Don't mention it.] [I wanted {yours} off anyway.|I'll write it on the list.]
            """,
            summaries="""
                {B} takes {A}'s {part} on {mine} because of {why:told}, and {A} will work for {B} on {yours}.
                {A} has {why:told}, so {A} and {B} swap: {B} does the {part} on {mine}, {A} works on {yours}.
                Because of {why:told}, {A} can't do the {part} on {mine}. {B} takes it if {A} works on {yours}.
                {A} asks {B} to take the {part} on {mine}, because of {why:told}. {A} will take {B}'s shift on {yours}.
            """,
        ),
        Ending(
            correctable="mine",
            script="""
                B: I'm sorry, I can't on {mine}. {fail}.
                 / On {mine}? That doesn't work for me. {fail}.
                A: [I see.|That's okay.] [What shall I do now?|Who could I ask?]
                B: Ask {friend}, who [always needs the money|likes the {part}].
                 / {friend} might do it. They had a free day last week.
                A: [Good idea|Right], I'll write to {friend}. And if it works, I'll {thanks} anyway.
            """,
            summaries="""
                {A} wants {B} to take the {part} on {mine} because of {why:told}. {B} has {fail:told}; {A} will ask \
                    {friend}.
                {B} can't take {A}'s {part} on {mine} because of {fail:told}. {A}, who has {why:told}, will write to \
                    {friend}.
                {A} needs somebody for the {part} on {mine}, because of {why:told}. {B} has {fail:told} and suggests \
                    {friend}.
                As {B} has {fail:told} on {mine}, {A}, who has {why:told}, will ask {friend} to do the {part}.
            """,
        ),
    ),
)

SCENES = (INTERVIEW, BUS, SHIFT)
