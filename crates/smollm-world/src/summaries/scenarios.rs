//! What e-mails and reports are about: their sentences, their summaries and their titles.

use std::sync::OnceLock;

/// An e-mail or a report with gaps.
#[derive(Debug)]
pub(super) struct Scenario {
    /// Its sentences in order, each with the ways of saying it.
    pub says: Vec<Vec<&'static str>>,
    pub summary: &'static str,
    pub title: &'static str,
    /// What the title must name.
    pub about: &'static str,
}

/// E-mails: from `{name}` to `{first}`.
pub(super) fn emails() -> &'static [Scenario] {
    static ALL: OnceLock<Vec<Scenario>> = OnceLock::new();
    ALL.get_or_init(|| read(EMAILS))
}

/// Reports: from nobody to nobody.
pub(super) fn reports() -> &'static [Scenario] {
    static ALL: OnceLock<Vec<Scenario>> = OnceLock::new();
    ALL.get_or_init(|| read(REPORTS))
}

fn read(table: &'static str) -> Vec<Scenario> {
    let block = |block: &'static str| {
        let mut scenario = Scenario { says: Vec::new(), summary: "", title: "", about: "" };
        for line in block.lines() {
            if let Some(summary) = line.strip_prefix("= ") {
                scenario.summary = summary;
            } else if let Some((title, about)) = line.strip_prefix("# ").and_then(|line| line.split_once(" | ")) {
                (scenario.title, scenario.about) = (title, about);
            } else {
                scenario.says.push(line.split(" / ").collect());
            }
        }
        scenario
    };
    table.split("\n\n").map(block).collect()
}

/// What e-mails also say. None of it belongs in a summary.
pub(super) const FILLERS: [&str; 24] = [
    "I hope you are well.",
    "I hope you had a good weekend.",
    "The weather has been lovely here.",
    "It was nice to talk to you last week.",
    "Thank you for your patience.",
    "Please let me know if you have any questions.",
    "I am always happy to help.",
    "We are all very busy at the moment.",
    "Everyone here sends kind greetings.",
    "I will be in the office all week.",
    "It has been a while since we spoke.",
    "Your last message made me smile.",
    "I know that this is a busy time for you.",
    "The coffee machine works again, by the way.",
    "We really value your work.",
    "I am looking forward to hearing from you.",
    "Do not hesitate to call me.",
    "As always, it is a pleasure to work with you.",
    "I hope your family is fine.",
    "It rained all day yesterday.",
    "My phone was off this morning, sorry about that.",
    "The garden behind the office is in bloom.",
    "Say hello to the others from me.",
    "I wish you a pleasant week.",
];

/// What reports also say.
pub(super) const ASIDES: [&str; 16] = [
    "The weather was fine.",
    "Many people took photos.",
    "There was free coffee for everyone.",
    "The mood was good all day.",
    "A local band played some music.",
    "Some guests had come by train.",
    "The doors opened early.",
    "It was a long day for the staff.",
    "Several children asked questions.",
    "The organisers were pleased.",
    "A short film was shown at the start.",
    "People talked about it for hours.",
    "Nobody seemed to be in a hurry.",
    "Fresh flowers stood on every table.",
    "The local newspaper wrote about it.",
    "The old clock on the wall had stopped.",
];

const EMAILS: &str = "\
I am writing about the {meeting} on {day}. / This is about our {meeting} on {day}.
It has been moved to {day2}. / We had to move it to {day2}. / The new date is {day2}.
It will start at {time} in {room}. / We will meet in {room} at {time}.
= {name} says that the {meeting} has been moved from {day} to {day2}, at {time} in {room}.
# New Date for the {meeting} | {meeting}

I am sorry to tell you that the {meeting} on {day} is cancelled. / The {meeting} on {day} will not take place.
{name2} is ill and nobody else can lead it. / {name2} cannot come, and we need {name2} for it.
We will find a new date soon. / I will send you a new date as soon as I can.
= {name} says that the {meeting} on {day} is cancelled because {name2} cannot come.
# {meeting} Cancelled | {meeting}

I need the {thing} for a talk with {name2}. / {name2} has asked me for the {thing}.
Could you send it to me by {day}? / Please send it to me by {day}.
It should not have more than {few} pages. / Please keep it to {few} pages.
= {name} asks {first} to send the {thing} for {name2} by {day}, with at most {few} pages.
# Request for the {thing} | {thing}

I have read the {thing} that you sent on {day}. / Thank you for the {thing} of {day}.
I found {few} mistakes in it. / Sadly, there are {few} mistakes in it.
Please correct them and send it to {name2} by {day2}. / Could you correct them and give it to {name2} by {day2}?
= {name} found {few} mistakes in the {thing} of {day} and asks {first} to send a corrected one to {name2} by {day2}.
# Mistakes in the {thing} | {thing}

I would like to order {n} {goods} for our office. / We need {n} new {goods}.
We can pay up to {money} for them. / Our budget for them is {money}.
They have to arrive by {day}. / We need them here by {day}.
= {name} wants to order {n} {goods} for up to {money}, to arrive by {day}.
# Order of {n} {goods} | {goods}

I am writing about order {big}. / My order has the number {big}.
You sent me {n} {goods}, but I had asked for {n2}. / I got {n} {goods} instead of {n2}.
Please send me the right number by {day}. / Could you correct this by {day}?
= {name} received {n} {goods} instead of {n2} with order {big} and wants this to be corrected by {day}.
# Problem with Order {big} | {big}

We have received your order {big}. / Thank you for your order {big}.
The {n} {goods} will leave {place} on {day}. / We will send the {n} {goods} from {place} on {day}.
The total price is {money}. / All together it costs {money}.
= {name} confirms order {big} of {n} {goods} for {money}, to be sent on {day}.
# Order {big} Confirmed | {big}

The bill of {money} has still not been paid. / We are still waiting for your payment of {money}.
It was due on {day}. / You should have paid it on {day}.
Please pay it by {day2}. / We ask you to send the money by {day2}.
= {name} reminds {first} that the bill of {money}, due on {day}, has to be paid by {day2}.
# Unpaid Bill of {money} | {money}

I will be away from {weekday} to {weekday2}. / I am on holiday from {weekday} to {weekday2}.
{name2} will take over my work. / While I am gone, {name2} will do my work.
Please call {name2} in {room} if anything comes up. / You will find {name2} in {room}.
= {name} will be away from {weekday} to {weekday2}, and {name2} in {room} will take over.
# Holiday from {weekday} to {weekday2} | {weekday}

{name2} will start in our team on {day}. / We have a new colleague from {day} on, {name2}.
Please show {name2} around at {time}. / Could you meet {name2} at {time} and give a tour?
The new desk is in {room}. / There is a desk ready in {room}.
= {name2} will join the team on {day}, and {name} asks {first} to give a tour at {time}. The desk is in {room}.
# New Colleague: {name2} | {name2}

{name2} will leave the team on {day}. / The last day of {name2} here is {day}.
We want to say goodbye at {place} at {time}. / There will be a small party at {place} at {time}.
Please bring {price} for the present. / The present costs everyone {price}.
= {name} invites {first} to say goodbye to {name2} on {day} at {time} at {place} and collects {price} for a present.
# Goodbye to {name2} | {name2}

The {sys} has been down since {time}. / Since {time} the {sys} does not work.
It started after the {work} by {name2}. / I think that the {work} by {name2} is the reason.
Please look at it before {day}. / We need it again by {day}.
= {name} reports that the {sys} has been down since {time} after the {work} by {name2} and needs the {sys} again by {day}.
# The {sys} Is Down | {sys}

We will update the {sys} on {day}. / There will be an update of the {sys} on {day}.
It will take from {time} to {time2}. / The work begins at {time} and ends at {time2}.
Please save your files before that. / Do not forget to save your work first.
= {name} announces an update of the {sys} on {day} from {time} to {time2} and asks {first} to save all files first.
# Update of the {sys} | {sys}

I will arrive at {place} on {day}. / My trip to {place} is on {day}.
My train gets in at {time}. / The train arrives at {time}.
Could you pick me up and book a table for {few}? / Please meet me there and reserve a table for {few}.
= {name} will arrive at {place} on {day} at {time} and asks {first} for a lift and a table for {few}.
# Arrival on {day} | {day}

I would like to invite you to my birthday party. / I am having a birthday party.
It is on {day} at {time}. / We start on {day} at {time}.
The party is at {place}, and {few} friends will come. / I have asked {few} friends to come to {place}.
= {name} invites {first} to a birthday party at {place} on {day} at {time} with {few} friends.
# Birthday Party of {name} | party

Thank you for your application of {day}. / We have read your application of {day}.
We would like to meet you on {day2} at {time}. / Could you come to a talk on {day2} at {time}?
Please ask for {name2} in {room}. / {name2} will wait for you in {room}.
= {name} invites {first} to a job interview with {name2} on {day2} at {time} in {room}.
# Job Interview on {day2} | interview

The rent of {room} goes up next year. / We have to raise the rent of {room}.
You will pay {high} instead of {low}. / It was {low} and it will be {high}.
The change begins on {day}. / This is from {day} on.
= {name} says that the rent of {room} will rise from {low} to {high} on {day}.
# Higher Rent for {room} | rent

I lost my bag at {place} on {day}. / My bag is gone since I was at {place} on {day}.
There were {few} keys and {money} in it. / It had {money} and {few} keys in it.
If you find it, please give it to {name2}. / Please bring it to {name2} if anybody finds it.
= {name} lost a bag with {few} keys and {money} at {place} on {day} and asks for the bag to be given to {name2}.
# Lost Bag at {place} | bag

The heating in {room} is broken. / It is very cold in {room} because the heating is broken.
{name2} will come on {day} at {time} to repair it. / On {day} at {time} {name2} will repair it.
Please leave the door open. / Could you leave the door open for that?
= {name} says that {name2} will repair the heating in {room} on {day} at {time} and asks {first} to leave the door open.
# Heating in {room} | heating

Our class will visit {place} on {day}. / On {day} our class goes to {place}.
The bus leaves at {time}. / We leave by bus at {time}.
The trip costs {price} for each child. / Every child needs {price} for the trip.
= {name} announces a class trip to {place} on {day} at {time}, which costs {price} for each child.
# Class Trip to {place} | trip

I spoke to {name2} about the {thing}. / {name2} and I talked about the {thing}.
We agreed on a price of {money}. / The price will be {money}.
You can sign it on {day} in {room}. / Please come to {room} on {day} to sign it.
= {name} and {name2} agreed on {money} for the {thing}, which {first} can sign on {day} in {room}.
# Agreement on the {thing} | {thing}

You still have {few} books from our library. / There are {few} library books on your card.
They were due on {day}. / You should have brought them back on {day}.
The fee is {price} so far. / By now the fee is {price}.
= {name} reminds {first} that {few} library books were due on {day} and that the fee is {price}.
# Overdue Library Books | books";

const REPORTS: &str = "\
A new bridge near {place} was opened on {day}. / On {day} a new bridge was opened near {place}.
The work took {few} years. / It took the workers {few} years.
{name} cut the ribbon in front of {big} people. / {big} people watched as {name} cut the ribbon.
= {name} opened a new bridge near {place} on {day} in front of {big} people. The work took {few} years.
# New Bridge near {place} | bridge

There was a fire at {place} on {day}. / A fire broke out at {place} on {day}.
It started at {time}. / The alarm rang at {time}.
{n} firefighters came, and nobody was hurt. / Nobody was hurt, thanks to {n} firefighters.
= A fire broke out at {place} on {day} at {time}. Nobody was hurt, and {n} firefighters came.
# Fire at {place} | fire

The team played its last match at {place} on {day}. / On {day} the team played at {place}.
{name} scored {few} goals. / The star of the match was {name} with {few} goals.
{big} fans saw the match. / There were {big} fans in the stands.
= {name} scored {few} goals at {place} on {day} in front of {big} fans.
# {few} Goals by {name} | goals

{name} has won the reading contest. / The winner of the reading contest is {name}.
{n} children took part. / There were {n} children in the contest.
The prize of {money} will be handed over on {day}. / On {day} the winner will get {money}.
= {name} won the reading contest among {n} children and will get {money} on {day}.
# {name} Wins Reading Contest | contest

The yearly sale took place at {place} on {day}. / On {day} there was a sale at {place}.
{n} {goods} were sold. / People bought {n} {goods}.
The money, {money} in all, goes to the school. / The school will get the {money} that came in.
= At the sale at {place} on {day}, {n} {goods} were sold, and {money} goes to the school.
# Sale at {place} | sale

The town plans to plant new trees at {place}. / There will be new trees at {place}.
{big} trees will be planted by {day}. / The plan is to plant {big} trees by {day}.
{name} leads the project. / The project is led by {name}.
= The town will plant {big} trees at {place} by {day} in a project led by {name}.
# New Trees at {place} | trees

A lost dog was found at {place} on {day}. / On {day} a lost dog turned up at {place}.
It had walked for {few} days. / The dog had been away for {few} days.
{name} took it home at {time}. / At {time} {name} brought it home.
= A dog that was lost for {few} days was found at {place} on {day}, and {name} took the dog home at {time}.
# Lost Dog Found | dog

The concert by {name} was held at {place} on {day}. / {name} gave a concert at {place} on {day}.
All {big} seats were sold. / Not one of the {big} seats was empty.
A ticket cost {price}. / The price of a ticket was {price}.
= {name} gave a concert at {place} on {day}. All {big} seats were sold for {price} each.
# Concert by {name} | concert

Heavy snow fell on {day}. / On {day} there was heavy snow.
The road to {place} was closed at {time}. / At {time} the road to {place} had to be closed.
{n} cars were stuck. / The snow stopped {n} cars.
= Heavy snow on {day} closed the road to {place} at {time}, and {n} cars were stuck.
# Snow Closes Road | snow

The project on the {thing} is going well. / Work on the {thing} goes well.
{name} has finished {few} of {many} tasks. / {few} of the {many} tasks were done by {name}.
The rest is due on {day}. / All other tasks must be done by {day}.
= {name} has finished {few} of {many} tasks of the project on the {thing}, and the rest is due on {day}.
# Progress on the {thing} | {thing}

The shop of {name} will move to {place}. / {name} moves the shop to {place}.
It opens there on {day} at {time}. / The new shop opens on {day} at {time}.
The first {n} guests get a free gift. / There is a gift for the first {n} guests.
= {name} will open the shop at {place} on {day} at {time}, with a gift for the first {n} guests.
# New Shop at {place} | shop

The visitors were counted at {place} on {day}. / On {day} all visitors of {place} were counted.
There were {big} of them, and {n} came before {time}. / Of {big} visitors, {n} came before {time}.
{name} had expected fewer. / This was more than {name} had expected.
= {big} visitors came to {place} on {day}, {n} before {time}, which was more than {name} had expected.
# Visitors at {place} | visitors

The {meeting} was held in {room} on {day}. / On {day} the {meeting} took place in {room}.
{n} people took part. / It was attended by {n} people.
{name} was chosen to write the {thing}. / The {thing} will be written by {name}.
= The {meeting} was held in {room} on {day} with {n} people, and {name} will write the {thing}.
# Results of the {meeting} | {meeting}

A storm passed over {place} on {day}. / On {day} a storm hit {place}.
{n} trees fell. / The wind brought down {n} trees.
The repairs will cost {big} dollars, says {name}. / {name} thinks that the repairs will cost {big} dollars.
= A storm brought down {n} trees at {place} on {day}, and {name} expects repairs to cost {big} dollars.
# Storm at {place} | storm";
