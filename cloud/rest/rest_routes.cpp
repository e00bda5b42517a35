// Which address takes what: methods, parameters, and who may ask.
#include <algorithm>
#include <boost/json.hpp>

#include "base/crypto.h"
#include "base/http_target.h"
#include "cloud/rest/rest_call.h"

namespace titan::cloud {

namespace json = boost::json;

// A path element of a route that is "*" stands for any one.
struct Rest::Route {
  std::string_view method;
  std::vector<std::string_view> path;  // behind /v1/tenants/{tenant}
  std::vector<std::string_view> parameters;
  void (*handle)(Rest& rest, const Call& call, const RestRequest& request, Reply reply);
};

const std::vector<Rest::Route>& Rest::routes() {
  using R = Rest;
  using C = const Call;
  using Q = const RestRequest;
  static const std::vector<Route> all = {
      {"GET", {"stores"}, {}, [](R& r, C& c, Q&, Reply done) { r.list_stores(c, done); }},
      {"PUT",
       {"products"},
       {"mode"},
       [](R& r, C& c, Q& q, Reply done) { r.put_tenant_products(c, q, done); }},
      {"GET",
       {"stores", "*", "stock"},
       {"limit", "after"},
       [](R& r, C& c, Q&, Reply done) { r.list_stock(c, done); }},
      {"GET",
       {"stores", "*", "stock", "*"},
       {},
       [](R& r, C& c, Q&, Reply done) { r.one_stock(c, done); }},
      {"GET",
       {"stores", "*", "sales"},
       {"limit", "from"},
       [](R& r, C& c, Q&, Reply done) { r.list_sales(c, done); }},
      {"GET",
       {"stores", "*", "vector"},
       {},
       [](R& r, C& c, Q&, Reply done) { r.show_vector(c, done); }},
      {"GET",
       {"stores", "*", "alarms"},
       {"limit"},
       [](R& r, C& c, Q&, Reply done) { r.list_alarms(c, done); }},
      {"GET",
       {"stores", "*", "quarantine"},
       {"limit", "after"},
       [](R& r, C& c, Q&, Reply done) { r.list_quarantine(c, done); }},
      {"POST",
       {"stores", "*", "quarantine", "retry"},
       {},
       [](R& r, C& c, Q&, Reply done) { r.retry_quarantine(c, done); }},
      {"POST",
       {"stores", "*", "lease", "reset"},
       {},
       [](R& r, C& c, Q&, Reply done) { r.reset_lease(c, done); }},
      {"GET",
       {"stores", "*", "products"},
       {"limit", "after"},
       [](R& r, C& c, Q&, Reply done) { r.list_products(c, done); }},
      {"PUT",
       {"stores", "*", "products"},
       {"mode"},
       [](R& r, C& c, Q& q, Reply done) { r.put_store_products(c, q, done); }},
  };
  return all;
}

namespace {

RestResponse unknown_address() {
  return error_response(make_error(ErrorCode::not_found, "there is nothing at this address"));
}

RestResponse allowed_methods(std::string allowed) {
  RestResponse response;
  response.status = 204;
  response.allow = std::move(allowed);
  return response;
}

RestResponse wrong_method(std::string allowed) {
  RestResponse response = error_response(
      405, make_error(ErrorCode::invalid, "this address takes " + allowed + " only", "method"));
  response.allow = std::move(allowed);
  return response;
}

}  // namespace

bool Rest::is_authorized(std::string_view authorization) const {
  constexpr std::string_view scheme = "bearer ";
  const std::string given = ascii_lower_case(authorization.substr(0, scheme.size()));
  return same_secret(given + std::string(authorization.substr(given.size())),
                     std::string(scheme) + gateway_.config.admin_key);
}

void Rest::handle(const RestRequest& request, Reply reply) {
  gateway_.metrics.rest_requests.Increment();
  auto target = parse_http_target(request.target);
  if (!target) return reply(error_response(target.error()));
  const auto& path = target->path;
  constexpr const char* for_reading = "GET, HEAD, OPTIONS";
  if (target->is_asterisk) {
    return reply(request.method == "OPTIONS" ? allowed_methods("GET, HEAD, PUT, POST, OPTIONS")
                                             : unknown_address());
  }
  const bool is_open = path == std::vector<std::string>{"healthz"} ||
                       path == std::vector<std::string>{"metrics"} ||
                       path == std::vector<std::string>{"v1", "key"};
  if (is_open && request.method == "OPTIONS") return reply(allowed_methods(for_reading));
  if (is_open && request.method != "GET") return reply(wrong_method(for_reading));
  if (is_open) return handle_open(path.back(), reply);
  handle_tenant(request, path, target->query, reply);
}

// For anybody.
void Rest::handle_open(const std::string& name, Reply reply) {
  if (name == "healthz") {
    const bool up = gateway_.uplink_worker.reachable();
    gateway_.metrics.database_up.Set(up ? 1 : 0);
    return reply(
        up ? RestResponse{200, R"({"status":"ok"})"}
           : error_response(make_error(ErrorCode::unavailable, "the database does not answer")));
  }
  if (name == "metrics") {
    gateway_.metrics.projector_queue.Set(static_cast<double>(gateway_.projector.queued()));
    gateway_.metrics.database_up.Set(gateway_.uplink_worker.reachable() ? 1 : 0);
    return reply({200, gateway_.metrics.text(), "text/plain; version=0.0.4"});
  }
  reply({200, json::serialize(json::object{{"public_key", gateway_.cloud_key.public_key.hex()}})});
}

Status Rest::read_parameter(const std::vector<std::string_view>& known, const std::string& list,
                            const std::string& name, const std::string& text, Call& call) {
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    return make_error(ErrorCode::invalid, "unknown parameter '" + name + "'", name);
  }
  const auto keep = [](auto read, auto& into) -> Status {
    if (!read) return read.error();
    into = std::move(*read);
    return {};
  };
  if (name == "limit") return keep(read_limit(text), call.limit);
  if (name == "mode") {
    call.replaces = text == "replace";
    if (call.replaces || text == "update") return {};
    return make_error(ErrorCode::invalid, "mode is \"update\" (the usual) or \"replace\"", "mode");
  }
  // As a form sends a field that nobody filled in.
  if (text.empty()) return {};
  if (name == "from") return keep(read_sales_place(text), call.from);
  if (list == "quarantine") return keep(read_entry_place(text), call.after_entry);
  return keep(read_sku_place(text), call.after);
}

void Rest::handle_tenant(const RestRequest& request, const std::vector<std::string>& path,
                         const std::vector<std::pair<std::string, std::string>>& query,
                         Reply reply) {
  const Route* found = nullptr;
  std::string allowed;
  const auto matches = [&](const Route& route) {
    if (path.size() != route.path.size() + 3) return false;
    for (std::size_t i = 0; i < route.path.size(); ++i) {
      if (route.path[i] != "*" && route.path[i] != path[i + 3]) return false;
    }
    return path[0] == "v1" && path[1] == "tenants";
  };
  for (const Route& route : routes()) {
    if (!matches(route)) continue;
    if (route.method == request.method) found = &route;
    allowed += std::string(route.method) + (route.method == "GET" ? ", HEAD, " : ", ");
  }
  if (!allowed.empty()) allowed += "OPTIONS";
  if (!allowed.empty() && request.method == "OPTIONS") return reply(allowed_methods(allowed));
  if (!is_authorized(request.authorization)) {
    return reply(error_response(make_error(
        ErrorCode::refused, "send the header Authorization: Bearer <gateway.admin_key>")));
  }
  if (allowed.empty()) return reply(unknown_address());
  if (!found) return reply(wrong_method(allowed));

  Call call;
  call.key.tenant = path[2];
  if (!gateway_.config.find_tenant(call.key.tenant)) {
    return reply(error_response(make_error(
        ErrorCode::not_found, "no tenant '" + call.key.tenant + "' in the configuration")));
  }
  if (path.size() > 4) call.key.store = path[4];
  if (path.size() > 6) call.sku = path[6];
  for (const auto& [name, text] : query) {
    if (const auto read = read_parameter(found->parameters, path.back(), name, text, call); !read) {
      return reply(error_response(read.error()));
    }
  }
  found->handle(*this, call, request, reply);
}

}  // namespace titan::cloud
