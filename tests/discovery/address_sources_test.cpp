// What is made of addresses that sources find, lose, tell and refuse, and how many are known.
#include "tests/discovery/script.h"

namespace titan::discovery {

TEST_CASE("a service that disappears is no death sentence, one that never answered is forgotten",
          "[address_book]") {
  CHECK(Script().run("found mdns well:1 A\n"
                     "found mdns ghost:1 B\n"
                     "up well:1 A\n"
                     "lost mdns well:1\n"
                     "lost mdns ghost:1\n"
                     "down well:1\n") ==
        "found mdns well:1 A\n"
        "  0: dial well:1 every 200 ms\n"
        "found mdns ghost:1 B\n"
        "  0: dial ghost:1 every 200 ms\n"
        "up well:1 A\n"
        "  0: remember well:1 of 4100\n"
        "lost mdns well:1\n"
        "lost mdns ghost:1\n"
        "  0: hang up ghost:1\n"
        "down well:1\n"
        "  0: dial well:1 every 200 ms\n");
}

TEST_CASE("with mDNS dead, seeds and remembered peers are dialled all the same", "[address_book]") {
  CHECK(Script().run("found seed ten:1\n"
                     "last_good B ten:2\n"
                     "found remembered ten:2 B\n"
                     "up ten:2 B\n"
                     "found member ten:3 C\n") ==
        "found seed ten:1\n"
        "  0: dial ten:1 every 200 ms\n"
        "last_good B ten:2\n"
        "found remembered ten:2 B\n"
        "  0: dial ten:2 every 200 ms\n"
        "up ten:2 B\n"
        "found member ten:3 C\n"
        "  0: dial ten:3 every 200 ms\n");
}

TEST_CASE("a refused address rests; when mDNS shows it anew it is tried at once",
          "[address_book]") {
  CHECK(Script().run("found mdns other:1 Z\n"
                     "refused other:1\n"
                     "wait 60000\n"
                     "refused other:1\n"
                     "lost mdns other:1\n"
                     "found mdns other:1 Z\n"
                     "refused other:1\n"
                     "found mdns other:1 Z\n") ==
        "found mdns other:1 Z\n"
        "  0: dial other:1 every 200 ms\n"
        "refused other:1\n"
        "  0: hang up other:1\n"
        "wait 60000\n"
        "  60000: dial other:1 every 200 ms\n"
        "refused other:1\n"
        "  60000: hang up other:1\n"
        "lost mdns other:1\n"
        "found mdns other:1 Z\n"
        "  60000: dial other:1 every 200 ms\n"
        "refused other:1\n"
        "  60000: hang up other:1\n"
        "found mdns other:1 Z\n"
        "  60000: dial other:1 every 200 ms\n");
}

TEST_CASE("news of a slow address make it fast again; gossip repeated does not", "[address_book]") {
  CHECK(Script().run("found member ten:1 A\n"
                     "wait 100000\n"
                     "found member ten:1 A\n"
                     "found mdns ten:1 A\n") ==
        "found member ten:1 A\n"
        "  0: dial ten:1 every 200 ms\n"
        "wait 100000\n"
        "  2000: dial ten:1 every 400 ms\n"
        "  6000: dial ten:1 every 800 ms\n"
        "  14000: dial ten:1 every 1600 ms\n"
        "  30000: dial ten:1 every 3200 ms\n"
        "  62000: dial ten:1 every 5000 ms\n"
        "found member ten:1 A\n"
        "found mdns ten:1 A\n"
        "  100000: dial ten:1 every 200 ms\n");
}

TEST_CASE("our own address is left alone until it belongs to another device", "[address_book]") {
  CHECK(Script().run("found mdns ten:1 A\n"
                     "self ten:1\n"
                     "found mdns ten:1 A\n"
                     "wait 600000\n"
                     "found mdns ten:1 B\n") ==
        "found mdns ten:1 A\n"
        "  0: dial ten:1 every 200 ms\n"
        "self ten:1\n"
        "  0: hang up ten:1\n"
        "found mdns ten:1 A\n"
        "wait 600000\n"
        "found mdns ten:1 B\n"
        "  600000: dial ten:1 every 200 ms\n");
}

TEST_CASE("where a member calls from is dialled, though it tells an address it had before",
          "[address_book]") {
  CHECK(Script().run("found member old:1 A\n"
                     "up old:1 A\n"
                     "down old:1\n"
                     "wait 900000\n"
                     "greeted A new:1 old:1\n"
                     "wait 500\n"
                     "up new:1 A\n") ==
        "found member old:1 A\n"
        "  0: dial old:1 every 200 ms\n"
        "up old:1 A\n"
        "  0: remember old:1 of 4100\n"
        "down old:1\n"
        "  0: dial old:1 every 200 ms\n"
        "wait 900000\n"
        "  600000: dial old:1 every 400 ms\n"
        "  604000: dial old:1 every 800 ms\n"
        "  612000: dial old:1 every 1600 ms\n"
        "  628000: dial old:1 every 3200 ms\n"
        "  660000: dial old:1 every 5000 ms\n"
        "greeted A new:1 old:1\n"
        "  900000: dial new:1 every 200 ms\n"
        "wait 500\n"
        "up new:1 A\n"
        "  900500: remember new:1 of 4100\n");
}

TEST_CASE("a call from an address that did not answer for long is dialled back at once",
          "[address_book]") {
  CHECK(Script().run("found seed ten:1\n"
                     "wait 61000\n"
                     "greeted A ten:1\n"
                     "refused ten:1\n"
                     "greeted A ten:1\n"
                     "up ten:1 A\n"
                     "greeted A ten:1\n") ==
        "found seed ten:1\n"
        "  0: dial ten:1 every 200 ms\n"
        "wait 61000\n"
        "  2000: dial ten:1 every 400 ms\n"
        "  6000: dial ten:1 every 800 ms\n"
        "  14000: dial ten:1 every 1600 ms\n"
        "  30000: dial ten:1 every 3200 ms\n"
        "greeted A ten:1\n"
        "  61000: dial ten:1 every 200 ms\n"
        "refused ten:1\n"
        "  61000: hang up ten:1\n"
        "greeted A ten:1\n"
        "  61000: dial ten:1 every 200 ms\n"
        "up ten:1 A\n"
        "  61000: remember ten:1 of 4100\n"
        "greeted A ten:1\n");
}

TEST_CASE("a clone of our own disk is dialled where it calls from", "[address_book]") {
  CHECK(Script().run("clone A clone:1 told:1\n"
                     "up clone:1 A\n"
                     "wait 20000\n"
                     "clone A moved:1\n") ==
        "clone A clone:1 told:1\n"
        "  0: dial clone:1 every 200 ms\n"
        "  0: dial told:1 every 200 ms\n"
        "up clone:1 A\n"
        "  0: remember clone:1 of 4100\n"
        "wait 20000\n"
        "  2000: dial told:1 every 400 ms\n"
        "  6000: dial told:1 every 800 ms\n"
        "  14000: dial told:1 every 1600 ms\n"
        "clone A moved:1\n"
        "  20000: dial moved:1 every 200 ms\n");
}

TEST_CASE("the number of addresses is bounded; what never answered goes first", "[address_book]") {
  AddressBookConfig config;
  config.addresses_max = 3;
  CHECK(Script(config).run("found seed seed:1\n"
                           "found member good:1 A\n"
                           "up good:1 A\n"
                           "found member ghost:1 B\n"
                           "found member new:1 C\n"
                           "up new:1 C\n"
                           "found member more:1 D\n"
                           "found member more:2 E\n") ==
        "found seed seed:1\n"
        "  0: dial seed:1 every 200 ms\n"
        "found member good:1 A\n"
        "  0: dial good:1 every 200 ms\n"
        "up good:1 A\n"
        "  0: remember good:1 of 4100\n"
        "found member ghost:1 B\n"
        "  0: dial ghost:1 every 200 ms\n"
        "found member new:1 C\n"
        "  0: hang up ghost:1\n"
        "  0: dial new:1 every 200 ms\n"
        "up new:1 C\n"
        "  0: remember new:1 of 4300\n"
        "found member more:1 D\n"
        "  0: note: discovery knows 3 addresses; further ones are left out, the first is more:1\n"
        "found member more:2 E\n");
}

TEST_CASE("a wrong configuration is named", "[address_book]") {
  AddressBookConfig config;
  CHECK(config.validate().empty());
  config.retry_max = milliseconds(1);
  config.attempts_per_pace = 0;
  CHECK(config.validate() == std::vector<std::string>{"retry_max must not be below retry_fast",
                                                      "attempts_per_pace must be at least 1"});
}

}  // namespace titan::discovery
