//! Moments of the calendar, in which certificates count.

use core::fmt;
use core::time::Duration;

use rustls::pki_types::UnixTime;

const DAY_SECONDS: u64 = 86_400;

/// A moment in UTC, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// Now, by this host's clock.
    #[must_use]
    pub fn now() -> Self {
        Self::from(UnixTime::now())
    }

    /// The moment so many days later.
    #[must_use]
    pub fn plus_days(self, days: u64) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(DAY_SECONDS)))
    }

    /// The moment so many days earlier.
    #[must_use]
    pub fn minus_days(self, days: u64) -> Self {
        Self(self.0.saturating_sub(days.saturating_mul(DAY_SECONDS)))
    }

    /// Whole days from `earlier` to here; negative when this is before it.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> i64 {
        let seconds = i128::from(self.0) - i128::from(earlier.0);
        i64::try_from(seconds.div_euclid(i128::from(DAY_SECONDS))).unwrap_or(i64::MAX)
    }

    /// Year, month and day of the Gregorian calendar.
    #[must_use]
    pub fn date(self) -> (i32, u8, u8) {
        // Days are counted from 0000-03-01, so that a leap day ends its year.
        let days = self.0 / DAY_SECONDS + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        (
            i32::try_from(year).unwrap_or(i32::MAX),
            month as u8,
            day as u8,
        )
    }
}

impl From<UnixTime> for Moment {
    fn from(time: UnixTime) -> Self {
        Self(time.as_secs())
    }
}

impl From<Moment> for UnixTime {
    fn from(moment: Moment) -> Self {
        UnixTime::since_unix_epoch(Duration::from_secs(moment.0))
    }
}

impl fmt::Display for Moment {
    /// `2036-11-21 09:30 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let minutes = self.0 % DAY_SECONDS / 60;
        let (hour, minute) = (minutes / 60, minutes % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_printed_by_the_calendar() {
        let said = |seconds| Moment(seconds).to_string();
        assert_eq!(said(0), "1970-01-01 00:00 UTC");
        assert_eq!(said(951_782_399), "2000-02-28 23:59 UTC");
        assert_eq!(said(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(said(951_868_800), "2000-03-01 00:00 UTC");
        assert_eq!(said(1_709_164_800), "2024-02-29 00:00 UTC");
        assert_eq!(said(4_107_542_400), "2100-03-01 00:00 UTC");
        assert_eq!(said(253_402_300_799), "9999-12-31 23:59 UTC");
    }

    #[test]
    fn days_are_counted_both_ways() {
        let now = Moment(1_000_000_000);
        assert_eq!(now.plus_days(30).days_since(now), 30);
        assert_eq!(now.minus_days(1).days_since(now), -1);
        assert_eq!(Moment(now.0 - 1).days_since(now), -1);
        assert_eq!(Moment(now.0 + 1).days_since(now), 0);
    }
}
