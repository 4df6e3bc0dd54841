//! The date and time that `strftime_now` shows; the caller reads the clock.

/// A local date and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    year: i32,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl DateTime {
    /// A date and a time of day; `None` where there is no such date or time. Months and days count from 1.
    pub fn new(year: i32, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Option<Self> {
        let valid = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        valid.then_some(Self { year, month, day, hour, minute, second })
    }

    /// The date and time of `seconds` since 1970 began, in whatever zone those were counted: add the zone's offset to
    /// Unix time for local time. Times outside the years 1 to 9999 are clamped.
    pub fn from_unix(seconds: i64) -> Self {
        let seconds = seconds.clamp(-62_135_596_800, 253_402_300_799);
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Days to civil date in eras of 400 years that start on 1 March (H. Hinnant, "chrono-compatible low-level date
        // algorithms").
        let from_march = days + 719_468;
        let (era, of_era) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Self {
            year: (year_of_era + era * 400 + i64::from(month <= 2)) as i32,
            month: month as u8,
            day: day as u8,
            hour: (of_day / 3_600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
        }
    }

    /// Day of the year, from 1.
    fn day_of_year(self) -> u32 {
        (1..self.month).map(|month| u32::from(days_in_month(self.year, month))).sum::<u32>() + u32::from(self.day)
    }

    /// Day of the week, 0 for Sunday.
    fn weekday(self) -> usize {
        let before = i64::from(self.year) - 1;
        let days = before * 365 + before / 4 - before / 100 + before / 400 + i64::from(self.day_of_year());
        days.rem_euclid(7) as usize
    }

    /// Python's `strftime` in the C locale. A `-` after the `%` drops leading zeros, as glibc's does.
    ///
    /// # Errors
    /// The text of the error where the format has a directive that is not known here.
    pub fn strftime(self, format: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let mut directive = chars.next();
            let unpadded = directive == Some('-');
            if unpadded {
                directive = chars.next();
            }
            let hour12 = (self.hour + 11) % 12 + 1;
            let (number, width) = match directive {
                Some('Y') => (self.year as u32, 1),
                Some('m') => (u32::from(self.month), 2),
                Some('d') => (u32::from(self.day), 2),
                Some('H') => (u32::from(self.hour), 2),
                Some('I') => (u32::from(hour12), 2),
                Some('M') => (u32::from(self.minute), 2),
                Some('S') => (u32::from(self.second), 2),
                Some('y') => (self.year as u32 % 100, 2),
                Some('j') => (self.day_of_year(), 3),
                Some('w') => (self.weekday() as u32, 1),
                Some('u') => ((self.weekday() as u32 + 6) % 7 + 1, 1),
                Some(text) => {
                    let month = MONTHS[usize::from(self.month) - 1];
                    let weekday = WEEKDAYS[self.weekday()];
                    match text {
                        'B' => out.push_str(month),
                        'b' | 'h' => out.push_str(&month[..3]),
                        'A' => out.push_str(weekday),
                        'a' => out.push_str(&weekday[..3]),
                        'p' => out.push_str(if self.hour < 12 { "AM" } else { "PM" }),
                        'e' if unpadded => out.push_str(&self.day.to_string()),
                        'e' => out.push_str(&format!("{:2}", self.day)),
                        'F' => out.push_str(&self.strftime("%Y-%m-%d")?),
                        'T' => out.push_str(&self.strftime("%H:%M:%S")?),
                        'R' => out.push_str(&self.strftime("%H:%M")?),
                        'D' => out.push_str(&self.strftime("%m/%d/%y")?),
                        'n' => out.push('\n'),
                        't' => out.push('\t'),
                        '%' => out.push('%'),
                        _ => return Err(format!("strftime_now: directive '%{text}' is not supported")),
                    }
                    continue;
                }
                None => return Err("strftime_now: the format ends inside a directive".into()),
            };
            out.push_str(&format!("{number:00$}", if unpadded { 1 } else { width }));
        }
        Ok(out)
    }
}

fn days_in_month(year: i32, month: u8) -> u8 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
