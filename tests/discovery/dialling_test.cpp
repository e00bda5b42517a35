// When a known address is dialled, and how eagerly.
#include "tests/discovery/script.h"

namespace titan::discovery {

TEST_CASE("an address that never answers is dialled for ever, ever slower down to 5 s",
          "[address_book]") {
  CHECK(Script().run("found seed ten:1\n"
                     "wait 3600000\n") ==
        "found seed ten:1\n"
        "  0: dial ten:1 every 200 ms\n"
        "wait 3600000\n"
        "  2000: dial ten:1 every 400 ms\n"
        "  6000: dial ten:1 every 800 ms\n"
        "  14000: dial ten:1 every 1600 ms\n"
        "  30000: dial ten:1 every 3200 ms\n"
        "  62000: dial ten:1 every 5000 ms\n");
}

TEST_CASE("a cut that heals within ten minutes is dialled at full speed throughout",
          "[address_book]") {
  CHECK(Script().run("found mdns ten:1 A\n"
                     "up ten:1 A\n"
                     "wait 60000\n"
                     "down ten:1\n"
                     "wait 590000\n"
                     "up ten:1 A\n") ==
        "found mdns ten:1 A\n"
        "  0: dial ten:1 every 200 ms\n"
        "up ten:1 A\n"
        "  0: remember ten:1 of 4100\n"
        "wait 60000\n"
        "down ten:1\n"
        "  60000: dial ten:1 every 200 ms\n"
        "wait 590000\n"
        "up ten:1 A\n");
}

TEST_CASE("a till that is off for the night is tried again for ever", "[address_book]") {
  CHECK(Script().run("found mdns ten:1 A\n"
                     "up ten:1 A\n"
                     "down ten:1\n"
                     "lost mdns ten:1\n"
                     "wait 36000000\n"
                     "up ten:1 A\n") ==
        "found mdns ten:1 A\n"
        "  0: dial ten:1 every 200 ms\n"
        "up ten:1 A\n"
        "  0: remember ten:1 of 4100\n"
        "down ten:1\n"
        "  0: dial ten:1 every 200 ms\n"
        "lost mdns ten:1\n"
        "wait 36000000\n"
        "  600000: dial ten:1 every 400 ms\n"
        "  604000: dial ten:1 every 800 ms\n"
        "  612000: dial ten:1 every 1600 ms\n"
        "  628000: dial ten:1 every 3200 ms\n"
        "  660000: dial ten:1 every 5000 ms\n"
        "up ten:1 A\n");
}

TEST_CASE("the address that last worked is dialled first, the others after it", "[address_book]") {
  CHECK(Script().run("last_good A wifi:1\n"
                     "found remembered wifi:1 A\n"
                     "found remembered cable:1 A\n"
                     "found remembered old:1 A\n"
                     "wait 499\n"
                     "wait 1\n"
                     "up cable:1 A\n") ==
        "last_good A wifi:1\n"
        "found remembered wifi:1 A\n"
        "  0: dial wifi:1 every 200 ms\n"
        "found remembered cable:1 A\n"
        "found remembered old:1 A\n"
        "wait 499\n"
        "wait 1\n"
        "  500: dial cable:1 every 200 ms\n"
        "  500: dial old:1 every 200 ms\n"
        "up cable:1 A\n"
        "  500: remember cable:1 of 4100\n");
}

TEST_CASE("once a device is linked its other addresses rest, until the link goes",
          "[address_book]") {
  CHECK(Script().run("found mdns cable:1 A\n"
                     "found mdns wifi:1 A\n"
                     "up cable:1 A\n"
                     "wait 60000\n"
                     "down cable:1\n"
                     "wait 500\n"
                     "up wifi:1 A\n"
                     "wait 100000\n") ==
        "found mdns cable:1 A\n"
        "  0: dial cable:1 every 200 ms\n"
        "found mdns wifi:1 A\n"
        "  0: dial wifi:1 every 200 ms\n"
        "up cable:1 A\n"
        "  0: remember cable:1 of 4100\n"
        "wait 60000\n"
        "  10000: hang up wifi:1\n"
        "down cable:1\n"
        "  60000: dial cable:1 every 200 ms\n"
        "wait 500\n"
        "  60500: dial wifi:1 every 200 ms\n"
        "up wifi:1 A\n"
        "  60500: remember wifi:1 of 4100\n"
        "wait 100000\n"
        "  70500: hang up cable:1\n");
}

TEST_CASE("a spare address is dialled again when a member that is not linked listens there",
          "[address_book]") {
  CHECK(Script().run("found mdns till:1 A\n"
                     "found mdns clone:1 A\n"
                     "up till:1 A\n"
                     "wait 20000\n"
                     "wanted clone:1\n"
                     "wait 500\n") ==
        "found mdns till:1 A\n"
        "  0: dial till:1 every 200 ms\n"
        "found mdns clone:1 A\n"
        "  0: dial clone:1 every 200 ms\n"
        "up till:1 A\n"
        "  0: remember till:1 of 4100\n"
        "wait 20000\n"
        "  10000: hang up clone:1\n"
        "wanted clone:1\n"
        "wait 500\n"
        "  20500: dial clone:1 every 200 ms\n");
}

TEST_CASE("an address that the transport keeps in reserve is left to it", "[address_book]") {
  CHECK(Script().run("found mdns cable:1 A\n"
                     "found member wifi:1 A\n"
                     "up cable:1 A\n"
                     "parked wifi:1\n"
                     "wait 60000\n"
                     "down cable:1\n"
                     "up wifi:1 A\n") ==
        "found mdns cable:1 A\n"
        "  0: dial cable:1 every 200 ms\n"
        "found member wifi:1 A\n"
        "  0: dial wifi:1 every 200 ms\n"
        "up cable:1 A\n"
        "  0: remember cable:1 of 4100\n"
        "parked wifi:1\n"
        "wait 60000\n"
        "down cable:1\n"
        "  60000: dial cable:1 every 200 ms\n"
        "  60000: dial wifi:1 every 200 ms\n"
        "up wifi:1 A\n"
        "  60000: remember wifi:1 of 4100\n");
}

TEST_CASE("on another network all are dialled at full speed, our own old address as well",
          "[address_book]") {
  CHECK(Script().run("found seed far:1\n"
                     "found mdns ten:1 A\n"
                     "self ten:1\n"
                     "wait 61000\n"
                     "network\n") ==
        "found seed far:1\n"
        "  0: dial far:1 every 200 ms\n"
        "found mdns ten:1 A\n"
        "  0: dial ten:1 every 200 ms\n"
        "self ten:1\n"
        "  0: hang up ten:1\n"
        "wait 61000\n"
        "  2000: dial far:1 every 400 ms\n"
        "  6000: dial far:1 every 800 ms\n"
        "  14000: dial far:1 every 1600 ms\n"
        "  30000: dial far:1 every 3200 ms\n"
        "network \n"
        "  61000: dial far:1 every 200 ms\n"
        "  61000: dial ten:1 every 200 ms\n");
}

}  // namespace titan::discovery
