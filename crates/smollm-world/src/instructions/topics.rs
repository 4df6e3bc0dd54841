//! What can be written about: topics with six things that are true of each, and lists of things of one kind.

use crate::english::with_capital;
use std::sync::OnceLock;

/// Something to write about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    /// As in "Write about cats.".
    pub name: &'static str,
    /// What stands for it at the start of a sentence: `They` or `It`.
    pub pronoun: &'static str,
    /// What is true of it, each to follow the name or the pronoun.
    pub says: Vec<&'static str>,
}

impl Topic {
    /// Its `i`-th sentence, which begins with the name.
    pub(super) fn sentence_by_name(&self, i: usize) -> String {
        format!("{} {}.", with_capital(self.name), self.says[i])
    }

    /// These of its sentences, of which the first begins with the name and the others with the pronoun.
    pub(super) fn sentences(&self, which: impl IntoIterator<Item = usize>) -> Vec<String> {
        let numbered = which.into_iter().enumerate();
        numbered
            .map(|(place, i)| if place == 0 { self.sentence_by_name(i) } else { self.sentence_by_pronoun(i) })
            .collect()
    }

    fn sentence_by_pronoun(&self, i: usize) -> String {
        format!("{} {}.", self.pronoun, self.says[i])
    }
}

/// All topics.
pub(super) fn topics() -> &'static [Topic] {
    static ALL: OnceLock<Vec<Topic>> = OnceLock::new();
    ALL.get_or_init(|| {
        let read = |(pronoun, table): (&'static str, &'static str)| {
            table.lines().filter_map(move |line| {
                let (name, says) = line.split_once(": ")?;
                Some(Topic { name, pronoun, says: says.split("; ").collect() })
            })
        };
        [("They", MANY), ("It", ONE)].into_iter().flat_map(read).collect()
    })
}

/// A kind of things, as it is named in "Name three colours.", and things of that kind.
pub(super) const LISTS: [(&str, &[&str]); 30] = [
    ("colours", &["red", "blue", "green", "yellow", "purple", "orange"]),
    ("fruits", &["apples", "pears", "plums", "grapes", "cherries", "bananas"]),
    ("vegetables", &["carrots", "onions", "beans", "peas", "cabbages", "beets"]),
    ("farm animals", &["cows", "pigs", "sheep", "goats", "hens", "horses"]),
    ("wild animals", &["lions", "tigers", "wolves", "bears", "foxes", "deer"]),
    ("pets", &["cats", "dogs", "rabbits", "hamsters", "goldfish", "parrots"]),
    ("birds", &["eagles", "owls", "swans", "robins", "ducks", "crows"]),
    ("insects", &["ants", "bees", "flies", "wasps", "beetles", "moths"]),
    ("trees", &["oaks", "pines", "elms", "birches", "maples", "willows"]),
    ("flowers", &["roses", "tulips", "daisies", "lilies", "violets", "poppies"]),
    ("drinks", &["water", "milk", "tea", "coffee", "juice", "lemonade"]),
    ("tools", &["hammers", "saws", "drills", "pliers", "wrenches", "files"]),
    ("kinds of furniture", &["tables", "chairs", "beds", "desks", "sofas", "shelves"]),
    ("clothes", &["shirts", "coats", "socks", "hats", "gloves", "scarves"]),
    ("musical instruments", &["pianos", "drums", "flutes", "violins", "guitars", "trumpets"]),
    ("sports", &["football", "tennis", "golf", "rowing", "hockey", "swimming"]),
    ("vehicles", &["cars", "buses", "trucks", "trains", "trams", "bicycles"]),
    ("rooms", &["kitchens", "bedrooms", "bathrooms", "attics", "cellars", "halls"]),
    ("shapes", &["circles", "squares", "triangles", "ovals", "stars", "hexagons"]),
    ("metals", &["iron", "gold", "silver", "copper", "zinc", "tin"]),
    ("planets", &["Mars", "Venus", "Jupiter", "Saturn", "Mercury", "Neptune"]),
    ("seasons", &["spring", "summer", "autumn", "winter"]),
    ("days of the week", &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]),
    ("months", &["January", "February", "March", "April", "May", "June"]),
    ("countries", &["France", "Spain", "Italy", "Japan", "Kenya", "Peru"]),
    ("cities", &["Paris", "Rome", "Tokyo", "Lima", "Cairo", "Oslo"]),
    ("jobs", &["teachers", "bakers", "doctors", "farmers", "pilots", "painters"]),
    ("sea animals", &["whales", "sharks", "crabs", "dolphins", "seals", "octopuses"]),
    ("parts of the body", &["arms", "legs", "hands", "feet", "knees", "elbows"]),
    ("school subjects", &["maths", "history", "music", "art", "science", "geography"]),
];

/// Topics in the plural.
const MANY: &str = "\
cats: are small animals; have soft fur; like to sleep; catch mice; can climb trees; purr when they are happy
dogs: are loyal animals; have a strong nose; like to run; guard the house; wag their tails; can learn tricks
horses: are large animals; eat grass and hay; run very fast; have long manes; sleep standing up; can carry people
cows: are farm animals; eat fresh grass; give us milk; live in herds; have four legs; rest in the barn
pigs: are clever animals; have a flat nose; like to roll in mud; live on farms; eat many things; have curly tails
sheep: are farm animals; have thick wool; eat green grass; live in flocks; follow each other; stay warm in winter
goats: are lively animals; climb steep rocks; eat leaves and grass; give us milk; have small horns; live in herds
hens: are farm birds; lay fresh eggs; eat seeds and worms; have short wings; sleep on a perch; look after their chicks
ducks: are water birds; swim on ponds; have flat feet; eat plants and insects; can fly far; keep their feathers dry
rabbits: are small animals; have long ears; eat grass and carrots; live in burrows; hop very quickly; have short tails
mice: are tiny animals; have long tails; eat seeds and grain; hide in small holes; hear very well; come out at night
bears: are heavy animals; have thick fur; eat berries and fish; live in forests; sleep in winter; can climb trees
lions: are big cats; live in groups; hunt at night; have sharp teeth; rest in the shade; roar very loudly
tigers: are big cats; have dark stripes; hunt alone; swim very well; live in forests; have sharp claws
elephants: are huge animals; have long trunks; eat leaves and bark; live in herds; have big ears; drink a lot of water
giraffes: are tall animals; have long necks; eat leaves from trees; live in Africa; have brown spots; run on long legs
zebras: are wild animals; have black and white stripes; eat dry grass; live in Africa; run in herds; listen for lions
monkeys: are clever animals; climb tall trees; eat fruit and leaves; live in groups; use their hands well; play with each other
wolves: are wild animals; live in packs; hunt together; have grey fur; howl at night; can run for hours
foxes: are wild animals; have red fur; hunt at night; live in dens; have bushy tails; hear very well
deer: are shy animals; live in forests; eat leaves and grass; run very fast; have thin legs; hide from wolves
squirrels: are small animals; have bushy tails; gather nuts; live in trees; jump far; hide food for winter
camels: are desert animals; have one or two humps; carry heavy loads; eat dry plants; have long legs; walk on hot sand
kangaroos: are wild animals; live in Australia; hop on strong legs; carry babies in a pouch; eat green plants; have long tails
penguins: are sea birds; cannot fly; swim very well; eat small fish; live in the south; walk with short steps
owls: are quiet birds; hunt at night; have large eyes; catch mice; sleep in the day; live in old trees
eagles: are strong birds; have sharp eyes; fly very high; catch fish and rabbits; build large nests; have curved beaks
parrots: are bright birds; have curved beaks; eat seeds and fruit; can copy words; live in warm forests; fly in flocks
swans: are large birds; have long necks; swim on lakes; eat water plants; have white feathers; build nests by the water
frogs: are small animals; live near water; have long legs; eat flies; lay eggs in ponds; jump very far
snakes: are long animals; have no legs; eat mice and frogs; shed their skin; lie in the sun; smell with their tongues
turtles: are slow animals; have a hard shell; lay eggs in sand; can live very long; swim in the sea; eat water plants
fish: live in water; have shiny scales; breathe with gills; swim with their fins; lay many eggs; eat plants and insects
sharks: are large fish; have sharp teeth; swim very fast; live in the sea; smell very well; have strong tails
whales: are sea animals; breathe air; sing long songs; feed their young milk; swim very far; can be very heavy
dolphins: are sea animals; breathe air; jump out of the water; live in groups; eat fish; talk with clicks
crabs: are sea animals; have two claws; walk sideways; have a hard shell; hide under rocks; have ten legs
bees: are small insects; make sweet honey; visit many flowers; live in hives; have a queen; can sting
ants: are tiny insects; live in large groups; carry heavy crumbs; dig long tunnels; have six legs; follow a trail
butterflies: are pretty insects; have four wings; drink from flowers; were once caterpillars; fly in the sun; have thin legs
spiders: are small animals; have eight legs; spin silk webs; eat flies; hide in corners; can hang from a thread
bats: are flying animals; sleep upside down; hunt at night; eat insects; live in caves; find their way by sound
hedgehogs: are small animals; have sharp spines; eat worms and beetles; roll into a ball; come out at night; sleep in winter
trees: are tall plants; have deep roots; give us shade; make fresh air; grow very slowly; lose leaves in autumn
flowers: are pretty plants; have bright petals; need sun and water; smell very sweet; feed many bees; grow in gardens
roses: are garden flowers; have sharp thorns; smell very sweet; can be red or white; need good soil; bloom in summer
apples: are round fruits; grow on trees; can be red or green; taste sweet; make good pies; are ripe in autumn
bananas: are yellow fruits; grow in bunches; have a thick peel; taste sweet; need warm weather; are soft inside
oranges: are round fruits; grow on trees; have a thick peel; give sweet juice; need warm weather; are full of vitamins
lemons: are yellow fruits; taste very sour; grow on trees; give us juice; have a thick peel; go well with fish
grapes: are small fruits; grow on vines; can be green or purple; taste sweet; hang in bunches; make good juice
carrots: are orange roots; grow in the ground; taste a little sweet; have green leaves; are good in soup; keep well in winter
potatoes: are brown vegetables; grow in the ground; taste good with butter; can be boiled or baked; fill you up; keep for months
tomatoes: are red fruits; grow on green plants; need a lot of sun; are good in salads; make fine sauce; are full of juice
onions: are round bulbs; grow in the ground; have many layers; smell very strong; are good in soup; can make people cry
pumpkins: are large fruits; grow on long vines; have orange skin; are full of seeds; make good soup; are ripe in autumn
strawberries: are red fruits; grow near the ground; taste very sweet; have tiny seeds; make good jam; are ripe in summer
mushrooms: grow in damp woods; are not plants; have a round cap; can be brown or white; are good in soup; have no leaves
eggs: have a thin shell; are white or brown; come from hens; can be boiled or fried; help cakes to rise; break very easily
cakes: are sweet treats; need flour and sugar; bake in the oven; smell very good; are nice at parties; taste best when fresh
sandwiches: are quick meals; have bread on both sides; can hold cheese or ham; are easy to make; fit in a lunch box; taste good cold
pancakes: are flat cakes; cook in a hot pan; need milk and eggs; taste good with honey; are quick to make; are nice for breakfast
cars: have four wheels; drive on roads; need fuel or power; carry a few people; stop at red lights; have a loud horn
buses: are long vehicles; carry many people; drive on roads; stop at bus stops; have many seats; help people get to work
trains: run on rails; carry many people; stop at stations; are long and fast; have large windows; go through tunnels
bicycles: have two wheels; need no fuel; have a small bell; are good for short trips; keep people fit; must have good brakes
boats: float on water; have a strong hull; can have sails; carry people and goods; need a safe harbour; move with the wind
ships: are large boats; cross the sea; carry heavy goods; have a captain; stop at ports; have strong engines
planes: fly in the sky; have two wings; land at airports; carry people far; need a long runway; are very fast
balloons: are full of air or gas; come in many colours; float in the air; are nice at parties; can burst with a bang; have a thin skin
kites: fly in the wind; have a long string; come in many colours; are light and thin; need an open field; dance in the sky
bridges: cross rivers and roads; are made of stone or steel; carry cars and trains; must be very strong; can be very long; join two sides
houses: keep people warm; have walls and a roof; have many rooms; need a strong door; stand in streets; can be big or small
windows: let in the light; are made of glass; can be opened; show the world outside; need to be cleaned; keep out the rain
doors: open and close; have a handle; can be locked; keep out the cold; are made of wood or metal; lead to other rooms
chairs: are good to sit on; have four legs; stand by the table; can be soft or hard; have a straight back; are easy to move
tables: have a flat top; stand on strong legs; hold plates and cups; can be round; are made of wood; stand in the kitchen
beds: are good to sleep in; have a soft pillow; keep you warm; stand in bedrooms; need clean sheets; are nice after a long day
lamps: give us light; stand on desks; need electric power; help us read at night; can be very bright; have a round shade
clocks: tell the time; have two hands; hang on walls; tick softly; wake us in the morning; count hours and minutes
books: have many pages; tell good stories; teach us new things; stand on shelves; are made of paper; can be read again
pencils: are good for drawing; are made of wood; have a grey tip; get shorter with use; need to be sharp; fit in a small box
letters: bring us news; come in envelopes; need a stamp; are written by hand; have an address; are nice to keep
keys: open locks; are small and hard; are made of metal; fit in a pocket; hang on a ring; get lost very easily
shoes: keep feet dry; come in pairs; have soft soles; need to fit well; are made of leather or cloth; stand by the door
hats: keep the head warm; come in many shapes; are good in the sun; can be made of wool; hang by the door; fly off in the wind
coats: keep people warm; have long sleeves; have deep pockets; are good in winter; hang by the door; close with buttons
socks: keep feet warm; come in pairs; are soft and light; go inside shoes; can have stripes; get lost in the wash
umbrellas: keep us dry; open like a flower; have a long handle; are good in the rain; fold up small; turn over in strong wind
bags: carry our things; have strong handles; can be big or small; are made of cloth; close with a zip; are useful on trips
cups: hold warm drinks; have a small handle; are made of clay; break very easily; stand on shelves; are washed after use
spoons: are good for soup; have a round end; are made of metal; lie on the table; can be big or small; are easy to wash
knives: are sharp tools; cut bread and meat; have a strong handle; are made of steel; must be used with care; lie on the table
hammers: are heavy tools; drive in nails; have a long handle; are made of wood and steel; hang in the workshop; make a lot of noise
drums: are loud instruments; have a tight skin; are played with sticks; keep the beat; can be big or small; are fun to play
pianos: are large instruments; have black and white keys; make a rich sound; stand in the living room; have many strings; are played with both hands
guitars: are string instruments; have a long neck; are made of wood; make a warm sound; are played by hand; are good for songs
violins: are small instruments; have four strings; are played with a bow; make a high sound; are made of wood; rest under the chin
computers: are useful machines; have a bright screen; store a lot of data; follow our orders; need electric power; help us at work
phones: are small machines; let us talk to friends; have a bright screen; take pictures; fit in a pocket; need to be charged
cameras: take pictures; have a glass lens; keep good memories; can be very small; need enough light; are useful on trips
radios: play music and news; have a small speaker; pick up signals from the air; need power to work; stand in the kitchen; can be very loud
robots: are clever machines; work in factories; never get tired; need electric power; lift heavy parts; follow a program
rivers: carry fresh water; flow to the sea; start in the hills; are home to fish; turn and bend; can be wide and deep
lakes: are full of water; lie between hills; are home to fish; freeze in cold winters; are good for swimming; look blue in the sun
mountains: are very high; have steep sides; have snow on top; take a long time to climb; are made of rock; give a fine view
islands: have water on all sides; can be big or small; have sandy beaches; are home to many birds; need boats or bridges; lie in seas and lakes
forests: are full of trees; are home to many animals; smell fresh and green; give us wood; keep the air clean; are quiet places
deserts: are dry places; get little rain; are hot in the day; are cold at night; have few plants; can be full of sand
beaches: are sandy places; lie by the sea; are good for games; have many shells; are busy in summer; change with the waves
gardens: are full of plants; need water and care; are nice in spring; have soft grass; are home to birds; give us flowers and food
farms: grow our food; have fields and barns; keep cows and hens; need a lot of work; start the day early; use big machines
schools: teach children; have many classrooms; start in the morning; have a playground; keep many books; are quiet on Sundays
libraries: lend books; are quiet places; have long shelves; are open to all; have tables for readers; keep old newspapers
markets: sell fresh food; are busy in the morning; have many stalls; are full of voices; smell of fruit and bread; open once or twice a week
stars: shine at night; are very far away; are made of hot gas; look small to us; form patterns in the sky; can guide ships
clouds: are made of tiny drops; float in the sky; bring rain and snow; can be white or grey; move with the wind; hide the sun
holidays: are days of rest; are good for trips; bring families together; can be in summer; end too soon; make people happy
birthdays: come once a year; are happy days; bring cakes and cards; are fun with friends; make us a year older; need a good song
";

/// Topics in the singular.
const ONE: &str = "\
rain: falls from clouds; waters the plants; fills the rivers; makes the streets wet; sounds soft on the roof; can last all day
snow: falls in winter; is white and cold; covers the fields; melts in the sun; is fun for children; makes the world quiet
ice: is frozen water; is hard and cold; floats on water; melts in the sun; makes roads slippery; keeps food fresh
wind: is moving air; turns windmills; pushes sailing boats; can be soft or strong; bends the trees; blows leaves away
the sun: is a star; gives us light; keeps the earth warm; rises in the east; sets in the west; helps plants to grow
the moon: goes around the earth; shines at night; has no air; is made of rock; seems to change its shape; moves the tides
the sea: is full of salt water; has high waves; is home to many fish; looks blue and green; carries large ships; can be calm or wild
fire: is hot and bright; gives us light; needs air to burn; can cook our food; must be watched; leaves ash behind
water: is clear and wet; falls as rain; keeps us alive; freezes in the cold; fills the sea; has no taste
air: is all around us; has no colour; keeps us alive; moves as wind; fills our lungs; can be warm or cold
bread: is made from flour; bakes in a hot oven; has a brown crust; smells very good; tastes best when fresh; goes well with cheese
cheese: is made from milk; can be soft or hard; smells quite strong; goes well with bread; keeps for weeks; comes in many shapes
milk: is a white drink; comes from cows; is good for bones; must be kept cold; makes butter and cheese; is nice with honey
honey: is made by bees; tastes very sweet; has a golden colour; comes in jars; is good in tea; keeps for years
tea: is a hot drink; is made from dried leaves; smells very good; tastes good with milk; is drunk in small cups; warms us in winter
coffee: is a dark drink; is made from roasted beans; smells very strong; tastes a little bitter; wakes people up; is drunk in the morning
soup: is a warm meal; cooks in a large pot; needs a good spoon; is full of vegetables; smells very good; is nice on cold days
rice: is a kind of grain; grows in wet fields; is white or brown; cooks in hot water; feeds many people; goes well with fish
chocolate: is a sweet treat; is made from cocoa beans; melts in the sun; has a brown colour; is nice in cakes; comes in bars
salt: is white and fine; comes from the sea; makes food taste better; melts ice on roads; keeps food fresh; is sold in every shop
sugar: is white and sweet; comes from plants; melts in hot tea; is used in cakes; comes in small cubes; is bad for teeth
music: is made of sounds; makes people happy; can be soft or loud; is good for dancing; is played on instruments; brings people together
football: is a team game; is played with a ball; needs a large field; has two goals; is fun to watch; keeps players fit
swimming: is a healthy sport; moves the whole body; is done in water; cools us in summer; takes some practice; is fun with friends
reading: is a quiet hobby; teaches us new words; opens new worlds; needs good light; is nice before sleep; costs very little
cooking: is a useful skill; needs fresh food; fills the house with good smells; takes some time; is fun with friends; saves money
sleep: is rest for the body; comes at night; makes us strong again; helps us to learn; brings us dreams; is good for children
spring: comes after winter; brings new leaves; makes the days longer; wakes the animals; is full of flowers; smells fresh and green
summer: is the warm season; has long days; is good for swimming; brings ripe fruit; ends in autumn; smells of grass and sun
autumn: comes after summer; turns leaves red and brown; brings strong winds; has shorter days; is harvest time; ends with the first frost
winter: is the cold season; has short days; brings snow and ice; makes the lakes freeze; ends in spring; is a quiet time for plants
";
