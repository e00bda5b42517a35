// The idempotency keys of one device: what each stands for, and where one stands for two entries.
//
// Pure arithmetic on what stands on a disk under a key, so that every disk tells the same
// duplicates.
#pragma once

#include <optional>
#include <vector>

#include "mesh/entry/entry.h"
#include "mesh/journal/stored_state.h"

namespace titan::mesh {

// Notes what an entry of this device recorded under its key, under which `known` is there already;
// an entry without a key is nothing to be noted. Of several entries for one request the
// smallest (entry, hash) stays, as on every other disk; of different requests the first that came.
// A duplicate: the key stood for another entry. An entry that claims anything but its request is
// none, since all that carry its claim count once anyway, and that is what their writer asked for.
std::optional<DuplicateRecord> remember_key(std::optional<IdempotencyRecord>& known,
                                            const Entry& entry);

// What an entry with a key claims unless it has a claim of its own: BLAKE2b-256 of "request", NUL,
// the device, the request's hash, the key. A request that was recorded twice, because the disk that
// held the first entry was lost for a while, counts once wherever both are: by the rule for claims.
Hash request_claim(const DeviceId& device, const Hash& request_hash, BytesView idempotency_key);
// Entries of versions before have keys, but do not claim their requests.
bool claims_its_request(const Envelope& envelope);

// History moves no stock, so which entry of its claim counts is no matter of the stock's, and no
// stock keeps its claim: a shop moves in with hundreds of thousands of sales.
bool is_beside_stock(const Entry& entry);
// Whether the entry moves stock, as far as `stock` knows: its claim may have been won by another.
// Of what is beside the stock this says yes; whoever can look up its claim knows better.
bool counts(const crdt::Stock& stock, const Entry& entry);
// Applies an entry to a stock that is told of rivals for requests by Stock::contest().
std::vector<crdt::StockChange> apply_to(crdt::Stock& stock, const Entry& entry);

// What a VOID of the entry claims. Of all voids of one request exactly one counts, whichever of its
// entries they name; of an entry that claims no request, of all voids of that entry.
Hash void_claim(const Entry& entry);
// BLAKE2b-256 of "void", NUL, what is settled: a request's claim, or the entry's hash.
Hash void_claim(const Hash& settled);

// Takes out the duplicates that need nothing more: whose void is stored.
void drop_voided(std::vector<DuplicateRecord>& duplicates, const crdt::Stock& stock);

}  // namespace titan::mesh
