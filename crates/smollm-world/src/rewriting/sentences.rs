//! The sentences of curt messages, each with its friendly and its professional form.

use std::sync::OnceLock;

/// A sentence with gaps.
#[derive(Debug)]
pub(super) struct Sentence {
    /// Curt ways of saying it.
    pub curt: Vec<&'static str>,
    pub friendly: &'static str,
    pub professional: &'static str,
}

/// All of them.
pub(super) fn sentences() -> &'static [Sentence] {
    static ALL: OnceLock<Vec<Sentence>> = OnceLock::new();
    ALL.get_or_init(|| {
        let lines: Vec<&'static str> = TABLE.lines().filter(|line| !line.is_empty()).collect();
        let read = |rows: &[&'static str]| Sentence {
            curt: rows[0].split(" / ").collect(),
            friendly: rows[1],
            professional: rows[2],
        };
        lines.chunks_exact(3).map(read).collect()
    })
}

/// In turn: curt forms, the friendly one, the professional one.
const TABLE: &str = "\
The {sys} is failing after your last {work}! / Your last {work} broke the {sys}! / The {sys} fails since your last {work}.
I noticed that the {sys} is failing after your last {work}. Could you please take a look?
I noticed that the {sys} is failing after your last {work}. Would you be able to look into it?

The {sys} is down since {time}! / The {sys} stopped at {time}. Fix it.
It looks like the {sys} has been down since {time}. Could you please help us fix it?
The {sys} has been down since {time}. Would you be able to look into it?

Fix the {sys} by {day}. / The {sys} must work by {day}!
Could you please help us fix the {sys} by {day}?
Would you be able to repair the {sys} by {day}?

Send me the {thing} by {day}. / I need the {thing} by {day}. / Get me the {thing} by {day}!
Could you please send me the {thing} by {day}?
Would you kindly send me the {thing} by {day}?

Where is the {thing}? It was due on {day}. / The {thing} was due on {day}!
I was hoping to get the {thing} on {day}. Is there anything I can do to help?
I had expected the {thing} on {day}. Could you let me know how it is going?

Give the {thing} to {name}. / Hand the {thing} over to {name}.
Could you please give the {thing} to {name}?
Would you kindly pass the {thing} on to {name}?

Call {name} today. / You have to call {name} today!
When you have a moment, could you please call {name} today?
Would you be able to call {name} today?

Call me at {time}. / Ring me at {time}!
Could you please give me a call at {time}?
Would you kindly call me at {time}?

{name} is waiting for your answer! / Answer {name} already!
{name} would love to hear back from you when you have a moment.
{name} is looking forward to your reply.

You forgot to invite {name}. / You did not invite {name}!
I think that we still need to invite {name}. Could you please do that?
It seems that {name} has not been invited yet. Would you kindly send an invitation?

The {meeting} is on {day} at {time}. Be there. / Come to the {meeting} on {day} at {time}!
It would be great to see you at the {meeting} on {day} at {time}.
We would be pleased to welcome you to the {meeting} on {day} at {time}.

The {meeting} is moved to {day}. / {meeting} moved to {day}.
Just a quick note that the {meeting} has moved to {day}.
Please note that the {meeting} has been moved to {day}.

No {meeting} on {day}. / The {meeting} on {day} is off.
I am sorry to say that the {meeting} on {day} will not take place.
I regret to inform you that the {meeting} on {day} has been cancelled.

You missed the {meeting} on {day}! / You were not at the {meeting} on {day}.
We missed you at the {meeting} on {day}. I hope that all is well.
We noticed that you could not join the {meeting} on {day}.

You were {n} minutes late. / You came {n} minutes late again!
I noticed that you arrived {n} minutes late. Is everything all right?
I noticed that you arrived {n} minutes late. Please let me know if there is a problem.

Be in {room} at {time}. / Go to {room} at {time}!
Could you please come to {room} at {time}?
Would you kindly come to {room} at {time}?

Clean up {room}! / {room} is a mess. Clean it.
Would you mind helping to tidy up {room}?
Would you kindly help to keep {room} tidy?

You owe me {money}. / Pay me my {money}! / I want my {money} back.
When you get a chance, could you please send me the {money}?
Could you please arrange the payment of {money}?

Pay the bill of {money} by {day}. / The bill of {money} is due on {day}. Pay it!
This is a friendly reminder that the bill of {money} is due on {day}.
This is a kind reminder that the bill of {money} is to be paid by {day}.

The price is {money}. Take it or leave it. / It costs {money}. No discount!
The best price that we can offer is {money}. I hope that works for you!
The best price that we are able to offer is {money}.

{money} is too much. / {money}? Too expensive!
I am afraid that {money} is a bit more than we can spend.
Unfortunately, {money} is above our budget.

Order {n} {goods}. / We need {n} {goods}. Order them!
Could you please order {n} {goods} for us?
Would you kindly place an order for {n} {goods}?

Only {n} {goods} came. / I got only {n} {goods}!
It seems that only {n} {goods} arrived. Could you please check?
We received only {n} {goods}. Would you be able to look into this?

Order {big} is late! / Where is order {big}?
I was wondering if you have any news about order {big}.
Could you please let me know the status of order {big}?

Order {big} is wrong. Take it back. / You sent the wrong things in order {big}!
I think there was a little mix-up with order {big}. Could you please help?
There appears to be a mistake in order {big}. Would you be able to correct it?

Cancel order {big}. / I do not want order {big} any more.
Would it be possible to cancel order {big}?
I would like to cancel order {big}, if possible.

Read page {n} of the {thing}. / Look at page {n} of the {thing}!
Could you please have a look at page {n} of the {thing}?
Would you kindly review page {n} of the {thing}?

There are {few} mistakes in the {thing}! / The {thing} has {few} mistakes. Fix them.
I found {few} small mistakes in the {thing}. Could you please have another look?
I found {few} mistakes in the {thing}. Would you be able to correct them?

The {thing} is bad. / I do not like the {thing}. / The {thing} is no good!
Thank you for the {thing}. I think that we can make it even better.
Thank you for the {thing}. I believe that it could be improved further.

The {thing} is too long. Cut it to {few} pages. / Cut the {thing} to {few} pages!
The {thing} is great, but could you please shorten it to {few} pages?
Would you be able to shorten the {thing} to {few} pages?

Change the title of the {thing}. / The {thing} needs a new title!
Could you please find a new title for the {thing}?
I would suggest a new title for the {thing}.

Sign the {thing} by {day}. / Why is the {thing} not signed? I need it by {day}!
Could you please sign the {thing} by {day}?
Would you kindly sign the {thing} by {day}?

Print {n} copies of the {thing}. / {n} copies of the {thing}. Now!
Could you please print {n} copies of the {thing}?
Would you kindly print {n} copies of the {thing}?

I have no time on {day}. / {day} is bad for me.
I am so sorry, but I am busy on {day}. Could we find another day?
Unfortunately, I am not available on {day}. May I suggest another day?

I will not come on {day}. / Do not expect me on {day}.
I am sorry that I cannot make it on {day}.
I regret that I will not be able to attend on {day}.

I am ill. {name} will do my work. / I am sick. Ask {name}.
I am not feeling well, so {name} will take over my work.
As I am unwell, {name} will take over my duties.

Ask {name}, not me. / That is the job of {name}.
I think that {name} would be the best person to ask about this.
I would recommend that you contact {name} about this matter.

{name} did it wrong. / {name} made a mistake!
I think that {name} could use a little help with this.
It appears that {name} may need some support with this task.

Tell {name} to come at {time}. / {name} has to come at {time}!
Could you please ask {name} to come at {time}?
Would you kindly ask {name} to come at {time}?

Pick up {name} at {time}. / {name} arrives at {time}. Go there!
Could you please pick up {name} at {time}?
Would you be able to meet {name} at {time}?

Book a table for {few} on {day}. / Table for {few} on {day}!
Could you please book a table for {few} on {day}?
Would you kindly reserve a table for {few} on {day}?

Book {room} for {day}. / I want {room} on {day}!
Could you please book {room} for {day}?
Would you kindly reserve {room} for {day}?

Stop the noise after {time}! / It is too loud after {time}!
Would you mind keeping the noise down after {time}?
We would appreciate it if the noise could be kept low after {time}.

Move your car from {place}! / Your car is in the way at {place}.
Would you mind moving your car from {place}?
Would you kindly move your car from {place}?

Meet me at {place} at {time}. / Be at {place} at {time}!
It would be lovely to meet you at {place} at {time}.
I would be glad to meet you at {place} at {time}.

Bring the {thing} to {place}. / The {thing} must be at {place}!
Could you please bring the {thing} to {place}?
Would you kindly bring the {thing} to {place}?

Do not park at {place} on {day}. / No parking at {place} on {day}!
Please try not to park at {place} on {day}.
We kindly ask you not to park at {place} on {day}.

The {thing} cost {money}. Why? / Why did the {thing} cost {money}?
I was a little surprised that the {thing} cost {money}. Could you please explain?
Could you please explain why the {thing} cost {money}?

We have only {few} days left! / {few} days left. Hurry up!
We still have {few} days left. Let us do our best together!
Please keep in mind that we have {few} days left.

Finish your part by {day}. / Your part must be done by {day}!
Could you please finish your part by {day}?
Would you be able to complete your part by {day}?

I am still waiting for the {thing}! / Why do I not have the {thing} yet?
I am looking forward to the {thing} whenever you are ready.
I look forward to receiving the {thing} at your convenience.

I sent you the {thing} on {day}. Read it! / You got the {thing} on {day}. Why no answer?
I sent you the {thing} on {day}. Did you have a chance to look at it?
I sent you the {thing} on {day} and would be grateful for a reply.

Delete the old {thing}. / Throw away the old {thing}!
Could you please remove the old {thing}?
Would you kindly delete the old {thing}?

Use the new {thing} from {day} on. No excuses! / From {day} on only the new {thing}!
From {day} on, it would be great if you could use the new {thing}.
Please use the new {thing} from {day} on.

Your phone number is wrong. Is it {big}? / Is {big} your number or not?
Could you please tell me if {big} is your phone number?
Would you kindly confirm that {big} is your phone number?

The code for the door is {big}. Do not lose it! / Door code {big}. Remember it!
The code for the door is {big}. Please keep it safe!
Please note that the code for the door is {big}.

Your ticket is {big}. Wait. / Ticket {big}. Wait your turn!
Your ticket is {big}. Thank you for being so patient!
Your ticket is {big}. We appreciate your patience.

We are closed on {day}, so stay away! / Closed on {day}. Do not come!
We are sorry that we are closed on {day}.
Please note that we will be closed on {day}.

Come back on {day}. / Not today. Come on {day}!
We would be happy to see you on {day}.
We would be pleased to welcome you on {day}.

The train leaves at {time}. Do not be late! / Be on time. The train leaves at {time}.
The train leaves at {time}. It would be great if we could all be on time!
Please note that the train leaves at {time}.

You have {few} days off. Not more! / Only {few} days off for you.
I am happy to say that you have {few} days off.
I would like to confirm that you have {few} days off.

{name} quit. Find somebody new by {day}. / {name} is gone. We need somebody new by {day}!
{name} has left us. Could you please help to find somebody new by {day}?
{name} has left the team. Would you be able to find a successor by {day}?

Write to {name} about the {thing}. / {name} needs an email about the {thing}!
Could you please write to {name} about the {thing}?
Would you kindly write to {name} about the {thing}?

You did not answer my email of {day}! / No answer to my email of {day}. Why?
I just wanted to follow up on my email of {day}.
I would like to follow up on my email of {day}.

Do it today. / Do it now! / I want it done today.
It would be great if you could get to it by the end of today.
I would appreciate it if this could be completed by the end of today.

I do not understand the {thing}. / The {thing} makes no sense!
I have some questions about the {thing}. Could you please help me?
I would be grateful for an explanation of the {thing}.
";
