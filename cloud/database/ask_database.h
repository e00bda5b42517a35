// A question from the loop to a worker's database.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <string>
#include <utility>

#include "base/result.h"
#include "cloud/database/database_worker.h"

namespace titan::cloud {

// `run` is called on the worker's thread, in the tenant's schema; `done` on the loop, once, with
// what `run` answered. Where `run` throws, the worker's queue is full or the database is away it is
// an Error `unavailable`. An Error that `run` returns is an answer: the connection is kept.
template <class T>
void ask_database(boost::asio::io_context& loop, DatabaseWorker& worker, const std::string& tenant,
                  std::function<Result<T>(pqxx::connection&)> run,
                  std::function<void(Result<T>)> done) {
  worker.post({tenant,
               [&loop, run = std::move(run), done](pqxx::connection& connection) {
                 boost::asio::post(
                     loop, [done, answer = run(connection)]() mutable { done(std::move(answer)); });
               },
               [&loop, done](const Error& error) {
                 boost::asio::post(loop, [done, error] { done(error); });
               }});
}

}  // namespace titan::cloud
