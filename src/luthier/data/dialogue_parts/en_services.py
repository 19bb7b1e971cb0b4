"""English scenes with a service: a broken laptop, concert tickets, a gym, a hotel room."""

from __future__ import annotations

from .en_talk import DAYS
from .scene import Ending, Scene

LAPTOP = Scene(
    name="broken laptop",
    tone="counter",
    slots={
        "fault": "the screen stays black = a black screen | it doesn't charge = a charging problem "
        "| I spilled juice on the keyboard = juice on the keyboard | the fan is very loud = a loud fan "
        "| it turns off all the time = a laptop that turns off | the sound is gone = no sound "
        "| three keys are stuck = stuck keys | it can't find the wifi = a wifi problem",
        "part": "the battery | the screen | the keyboard | the main board | the fan | the power plug | a small chip",
        "price": "60 dollars | 85 dollars | 110 dollars | 140 dollars | 45 dollars | 95 dollars | 170 dollars",
        "ready": DAYS,
        "drive": "a USB stick | an old hard drive | a cloud folder | a memory card",
        "used": "240 dollars | 280 dollars | 320 dollars | 350 dollars | 390 dollars | 430 dollars",
        "age": "two years | four years | six years | nine years",
    },
    script="""
        A: I have a problem with my laptop: {fault}.
         / Can you repair a laptop? {fault}.
         / It's about my laptop. {fault}.
        B: Let me [see|have a look]. How old is it?
         / Oh dear. When did you buy it?
        A: It's {age} old. [I use it every day for work.|It was a present from my uncle.|I write all my letters on it.]
        ?B: Did you drop it?
        ?A: Never! Well, [once|maybe twice], but only on the carpet.
        ~
    """,
    endings=(
        Ending(
            correctable="price ready",
            script="""
                A: [Can you fix it?|Is it broken for good?]
                B: Yes. [I think|It looks like] it's {part}. I can replace it for {price}.
                 / Sure. I have to change {part}, and that costs {price}.
                A: [That's okay.|Fine, please do it.] When can I [get it back|have it]?
                B: You can [pick it up|collect it] on {ready}.
                 / Come back on {ready}. [We close at six.|We'll send you a message, too.]
            """,
            summaries="""
                {A} brings in a laptop with {fault:told}. {B} will replace {part} for {price}, and it is ready on \
                    {ready}.
                {B} will change {part} of {A}'s laptop, which has {fault:told}, for {price} by {ready}.
                Because of {fault:told}, {B} has to replace {part}. {A} pays {price} and can collect the laptop on \
                    {ready}.
                {A} has a laptop with {fault:told}. It's {part}, costs {price}, and {A} can pick it up on {ready}.
            """,
        ),
        Ending(
            correctable="used drive",
            script="""
                B: To be honest, it's {part}, and repairing that costs more than the laptop is worth.
                 / I'm afraid {part} is dead. I wouldn't repair it. It's too [old|expensive].
                A: [Oh no.|What a shame.] And what about my [photos|files]?
                B: I can save them on {drive}. [That's free.|It takes an hour.]
                 / Don't worry, we can copy everything to {drive}.
                A: [Good.|Okay.] And do you sell used laptops?
                 / Please do. Then I need another laptop[, a cheap one|].
                B: Yes, [this one here|we have a nice one] for {used}.
                A: [I'll take it.|That's fair. I'll take it.]
            """,
            summaries="""
                {A}'s laptop with {fault:told} is not worth repairing because of {part}. {B} saves the files on \
                    {drive}, and {A} buys a used one for {used}.
                {B} would not repair {part} of the laptop with {fault:told}, but copies all files to {drive}. {A} \
                    takes a used laptop for {used}.
                As {part} is dead, {A} gives up the laptop with {fault:told}, gets the files on {drive} and takes \
                    another for {used}.
                {A} comes with {fault:told}. Repairing {part} costs too much, so {A} buys another laptop for {used} \
                    and the files go to {drive}.
            """,
        ),
    ),
)

TICKETS = Scene(
    name="concert tickets",
    tone="counter",
    slots={
        "band": "the Blue Lanterns | the city orchestra | Paper Planes | the Night Owls | a jazz trio "
        "| the Silver Foxes | the gospel choir | Old Radio | the drum group",
        "count": "two tickets | three tickets | four tickets | five tickets | one ticket",
        "day": DAYS,
        "next": DAYS,
        "seat": "near the stage | on the balcony | in the back row | in the middle | on the left side "
        "| next to the exit",
        "price": "25 dollars | 30 dollars | 38 dollars | 42 dollars | 55 dollars | 60 dollars | 72 dollars",
    },
    script="""
        A: I'd like {count} for {band} on {day}[, please|].
         / Do you still have {count} for {band}, on {day}?
         / I'm here for {band}. Could I get {count} for {day}?
        B: [One moment, please.|Let me check.] [Is it for adults only?|Do you have a member card?]
        A: [Yes.|No, I don't think so.] [It's my father's birthday.|We have never seen them live.|My friends talk of \
            nothing else.]
        ?A: Where is the entrance, by the way?
        ?B: On the side, next to the ice cream shop. Doors open at half past six.
        ~
    """,
    endings=(
        Ending(
            correctable="count day",
            script="""
                A: So, is there anything left?
                B: You are lucky. I have {count} {seat} for {price} each.
                 / Yes, there is something {seat}, {price} each.
                A: {seat}? [Perfect|Great], I'll take that. Can I pay by card?
                 / Hm, {price}. Okay, {seat} is fine. I'll take that.
                B: [Sure.|Of course.] I'll send everything to your phone.
            """,
            summaries="""
                {A} buys {count} for {band} on {day}, {seat}, for {price} each.
                {B} sells {A} {count} {seat} for {band} on {day}. The price is {price} each.
                {A} wants to see {band} on {day} and takes {count} {seat} for {price} each.
                {A} gets {count} for {band} from {B}: on {day}, {seat}, {price} each.
            """,
        ),
        Ending(
            correctable="count next price",
            script="""
                B: I'm afraid {day} is sold out. But {band} will play again on {next}.
                 / Sorry, there is nothing left for {day}. There is a second concert on {next}, though.
                A: On {next}? [I'd have to ask for a day off.|Hm, let me check my calendar.] Yes, that works.
                 / [That's even better|That's fine for me]. {next}, then.
                B: That's {price} each. [Shall I book it?|Is that all right?]
                 / Good. It costs {price} each. [Shall I book it?|Is that okay?]
                A: Yes, please.
            """,
            summaries="""
                {A} asks for {count} for {band} on {day}, but it is sold out. {A} takes {next} for {price} each.
                The concert of {band} on {day} is sold out, so {A} books {count} for {next}, {price} each.
                {B} has nothing left for {band} on {day} and books {count} on {next} for {A}, at {price} each.
                As {band} is sold out on {day}, {A} gets {count} for {price} each on {next}.
            """,
        ),
    ),
)

GYM = Scene(
    name="joining a gym",
    tone="counter",
    slots={
        "class": "yoga | boxing | swimming | dancing | climbing | pilates | spinning | rowing",
        "day": DAYS,
        "hour": "six o'clock | half past six | seven o'clock | a quarter past seven | eight o'clock | half past eight",
        "fee": "20 dollars | 28 dollars | 35 dollars | 39 dollars | 45 dollars | 52 dollars",
        "bring": "a towel | indoor shoes | a doctor's note | a padlock | a bottle of water | a photo",
        "goal": "lose some weight | get rid of my back pain | meet people | get ready for a marathon "
        "| do something after work",
    },
    script="""
        A: I'm [interested in|thinking about] your {class} class. [What can you tell me about it?|How does it work?]
         / I'd like to know more about the {class} class[ here|].
        B: [Sure.|Gladly.] It's every {day} at {hour}. [Have you done it before?|Have you tried another class?]
         / The class is on {day} at {hour}. [Is that a good time for you?|Have you tried it before?]
        A: [Never.|Only once, at school.|A little, years ago.] I want to {goal}.
         / [Not yet.|I'm a beginner.] My plan is to {goal}.
        ?A: Is there a sauna?
        ?B: Yes, but it's being repaired until [April|the summer|next month].
        ~
    """,
    endings=(
        Ending(
            correctable="day hour fee",
            script="""
                A: [And how much is it?|What does it cost?]
                B: It's {fee} a month. [The first week is free.|You can stop at any time.]
                 / {fee} a month, [with everything included|and you can use the machines, too].
                A: That's [fine|fair]. I'd like to join.
                 / Okay, I'll join. Where do I sign?
                B: [Great.|Welcome!] Please bring {bring}.
                 / Wonderful. Don't forget to bring {bring} on the first day.
            """,
            summaries="""
                {A} wants to join the {class} class on {day} at {hour} for {fee} a month, and should bring {bring}.
                {B} tells {A} about the {class} class, every {day} at {hour}, {fee} a month. {A} joins and will bring \
                    {bring}.
                {A} joins {B}'s {class} class, which is on {day} at {hour} and costs {fee} a month. {A} has to bring \
                    {bring}.
                For {fee} a month, {A} joins the {class} class every {day} at {hour}. {B} asks {A} to bring {bring}.
            """,
        ),
        Ending(
            correctable="day hour bring",
            script="""
                A: [I'm not sure yet.|I don't want to sign anything yet.] Can I try it first?
                 / Could I come just once, to try it?
                B: Yes, a trial lesson is {fee}. [If you join, you get it back.|No contract.]
                 / Of course. One trial lesson costs {fee}.
                A: [Good.|Fair enough.] What do I need?
                 / Then I'll come to the trial lesson. What should I bring?
                B: Just {bring}. We have everything else.
                 / You need {bring}, that's all.
                A: See you on {day}, then.
            """,
            summaries="""
                {A} will try the {class} class on {day} at {hour}. A trial lesson costs {fee}, and {A} should bring \
                    {bring}.
                {A} is not sure about the {class} class and takes a trial lesson for {fee} on {day} at {hour}, with \
                    {bring}.
                {B} offers {A} a trial lesson of the {class} class on {day} at {hour} for {fee}. {A} needs {bring}.
                {A} wants to try {class} first: a trial lesson for {fee} on {day} at {hour}. {A} has to bring {bring}.
            """,
        ),
    ),
)

HOTEL = Scene(
    name="a hotel room",
    tone="phone",
    slots={
        "fault": "there is no hot water = no hot water | the heating doesn't work = broken heating "
        "| the air conditioner is too loud = a loud air conditioner "
        "| the window doesn't close = a window that won't close | the bed is broken = a broken bed "
        "| there are ants in the bathroom = ants in the bathroom | the lights don't work = broken lights "
        "| it smells of smoke = a smell of smoke",
        "room": "room 104 | room 212 | room 307 | room 118 | room 225 | room 410 | room 309 | room 503",
        "better": "room 601 | room 415 | room 320 | room 508 | room 117 | room 222",
        "gift": "free breakfast | a bottle of wine | free parking | a free dinner | a voucher for the sauna",
        "who": "the caretaker | a plumber | the electrician | a handyman | a technician",
        "soon": "ten minutes | a quarter of an hour | twenty minutes | half an hour | an hour",
        "nights": "two nights | three nights | five nights | a week",
    },
    script="""
        A: I'm calling from {room}. [I'm afraid|Sorry to say so, but] {fault}.
         / Can you help me? I'm in {room}, and {fault}.
        B: Oh, I'm [very|so] sorry. When did you notice it?
         / That's not good. Has it been like this [all day|since you came]?
        A: [Just now, after my walk.|Since we arrived.] We are staying for {nights}, so [please do something|it \
            matters].
         / [An hour ago.|When I unpacked.] I booked {nights}, and I can't stay like this.
        ?B: Did you try the [switch|red button] next to the door?
        ?A: Of course. [Twice.|Nothing happens.]
        ~
    """,
    endings=(
        Ending(
            correctable="room better",
            script="""
                A: [Could I have|Can you give me] another room?
                B: Yes, you can move to {better}. [It has a sea view, too.|It's a little bigger.]
                 / Certainly. {better} is free, and it's ready for you.
                A: [That would be great.|Thank you.] And do I [pay more|have to pay more]?
                B: No. You also get {gift}, because of the trouble.
                 / Not at all. And we give you {gift}, to say sorry.
            """,
            summaries="""
                {A} complains about {fault:told} in {room}. {B} moves {A} to {better} and offers {gift}.
                Because of {fault:told} in {room}, {A} can move to {better} and also gets {gift}.
                {B} gives {A}, who is in {room} with {fault:told}, {better} and {gift} for the trouble.
                {A} calls from {room} about {fault:told} and gets {better}, with {gift} because of the trouble.
            """,
        ),
        Ending(
            correctable="room soon",
            script="""
                A: [What can you do?|Can somebody look at it?]
                B: I'll send {who} up. It [takes|will take] about {soon}.
                 / {who} will be with you in {soon}.
                A: [Good|Okay]. I'll [wait here|stay in my room] then.
                B: And for the trouble, you get {gift}. I hope that's all right.
                 / Thank you. We would also like to give you {gift}.
                A: [How kind of you.|Oh, that's nice.]
            """,
            summaries="""
                {A} calls from {room} about {fault:told}. {B} will send {who} in {soon} and offers {gift}.
                {B} sends {who} to {room} in {soon} because of {fault:told}. {A} also gets {gift}.
                There is a problem in {A}'s {room}: {fault:told}. {who} will come in {soon}, and {A} gets {gift}.
                {A} complains about {fault:told} in {room}, so {B} sends {who} in {soon} and gives {A} {gift}.
            """,
        ),
    ),
)

SCENES = (LAPTOP, TICKETS, GYM, HOTEL)
