//! The contract of the remote tier, against the fake and against real servers of each kind, and what happens to
//! clients of a server that fails.

mod bed;
mod bus;
mod faults;
mod intruders;
mod loads;
mod race;

/// Runs tests that take a bed on every kind of bed. A cluster takes seconds to come up, so it is shared.
macro_rules! on_every_bed {
    ($($test:ident),+ $(,)?) => {
        $crate::remote::one_by_one!(fake, [$($test),+]);
        $crate::remote::one_by_one!(standalone, [$($test),+]);
        $crate::remote::one_by_one!(tls, [$($test),+]);
        $crate::remote::all_in_one!(cluster, [$($test),+]);
        $crate::remote::all_in_one!(cluster_of_three, [$($test),+]);
    };
}

macro_rules! one_by_one {
    ($bed:ident, [$($test:ident),+]) => {
        mod $bed {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(&crate::remote::bed::Bed::$bed()).await;
                }
            )+
        }
    };
}

macro_rules! all_in_one {
    ($bed:ident, [$($test:ident),+]) => {
        #[tokio::test]
        async fn $bed() {
            let bed = crate::remote::bed::Bed::$bed();
            $(
                println!("{}", stringify!($test));
                $test(&bed).await;
                bed.wipe();
            )+
        }
    };
}

use {all_in_one, on_every_bed, one_by_one};
