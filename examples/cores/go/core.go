// An example core in Go (1.19 and newer), standard library only: everything that docs/core.md asks of a core.
//
// It keeps its records in memory. A real core keeps them in its database, and makes each decision in one transaction
// there, where this one holds the mutex (examples/README.md).
package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	offeredAfter = 24 * time.Hour // a day's statement is there when the day is over
	pageSize     = 100
	maxBody      = 64 * 1024
	maxAmount    = 1<<53 - 1
	forever      = 1 << 62
)

type object = map[string]any

// An answer is JSON, a page, or the address of a redirect.
type answer struct {
	status   int
	json     any
	page     string
	location string
}

type payment struct {
	amount int64
	status string        // "paid" or "failed"
	result object        // what we send as the payment result
	sent   chan struct{} // closed when the backend has accepted or refused it
}

type refundRecord struct {
	transactionID  string
	amount         int64
	at             time.Time
	status, reason string
}

type booking struct {
	kind, id, transactionID string
	amount                  int64
	at                      time.Time
}

var (
	clientID = environment("CORE_CLIENT_ID", "sandbox-core")
	secret   = environment("CORE_SECRET", "sandbox-secret-between-core-and-functions")
	vietnam  = time.FixedZone("+07", 7*3600)
	client   = &http.Client{CheckRedirect: noRedirect}

	mutex    sync.Mutex // whoever reads or changes these four holds it
	payments = map[string]*payment{}
	opened   = map[string]int64{} // expires_at of each payment whose form was shown
	refunds  = map[string]*refundRecord{}
	bookings []booking
)

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func rfc3339(at time.Time) string { return at.In(vietnam).Format(time.RFC3339) }

// The signature, in both directions ---------------------------------------------------------------------------------

func sign(timestamp string, message []byte) string {
	payload := append([]byte(timestamp+"."+clientID+"."), message...)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(base64.RawURLEncoding.EncodeToString(payload)))
	return hex.EncodeToString(mac.Sum(nil))
}

var isTimestamp = regexp.MustCompile(`^[0-9]{1,15}$`)

// verify takes exactly what came: the bytes of the body, or of a GET its path and query.
func verify(message []byte, timestamp, client, signature string, maxAge time.Duration) bool {
	same := hmac.Equal([]byte(sign(timestamp, message)), []byte(signature)) // in constant time, and lower case only
	if !same || client != clientID || !isTimestamp.MatchString(timestamp) {
		return false
	}
	sent, _ := strconv.ParseInt(timestamp, 10, 64)
	age := time.Since(time.UnixMilli(sent))
	return -time.Minute <= age && age <= maxAge
}

// callAPI calls the backend. Each call is signed anew, with a new timestamp. The backend's address may come late.
func callAPI(method, path string, body []byte, into any) (int, error) {
	base := os.Getenv("API_URL")
	if base == "" {
		text, err := os.ReadFile(os.Getenv("API_URL_FILE"))
		if err != nil {
			return 0, err
		}
		base = strings.TrimSpace(string(text))
	}
	limit := 30 * time.Second
	if method == "GET" {
		limit = 10 * time.Second // a customer waits for it
	}
	patience, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	request, err := http.NewRequestWithContext(patience, method, strings.TrimRight(base, "/")+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	timestamp, message := strconv.FormatInt(time.Now().UnixMilli(), 10), body
	if method == "GET" {
		message = []byte(path)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Partner-Timestamp", timestamp)
	request.Header.Set("X-Partner-Client-Id", clientID)
	request.Header.Set("X-Partner-Signature", sign(timestamp, message))
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	return response.StatusCode, json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(into)
}

// What the backend calls --------------------------------------------------------------------------------------------

func refund(key string, body []byte) answer {
	// Pointers, because a number that is absent is another thing than 0. A number with a fraction is no int64.
	var fields struct {
		RefundID      string `json:"refund_id"`
		TransactionID string `json:"transaction_id"`
		Amount        *int64 `json:"amount"`
		SoFar         *int64 `json:"refunded_so_far"`
	}
	isText := func(text string) bool { return text != "" && len(text) <= 128 }
	isWhole := func(number *int64, least int64) bool {
		return number != nil && *number >= least && *number <= maxAmount
	}
	if json.Unmarshal(body, &fields) != nil || !isText(fields.RefundID) || !isText(fields.TransactionID) ||
		!isWhole(fields.Amount, 1) || !isWhole(fields.SoFar, 0) {
		return problem(400, "refund_id and transaction_id are texts, amount and refunded_so_far whole numbers")
	}
	if key != fields.RefundID {
		return problem(400, "Idempotency-Key must be the refund_id")
	}
	mutex.Lock()
	defer mutex.Unlock()
	if known := refunds[fields.RefundID]; known != nil { // the same once more: no second payment, and the first answer
		if known.transactionID != fields.TransactionID || known.amount != *fields.Amount {
			return problem(409, "this refund_id belongs to another transaction or amount")
		}
		return refundAnswer(fields.RefundID, known)
	}
	now, back, backForLong := time.Now(), int64(0), int64(0)
	for _, other := range refunds {
		if other.transactionID == fields.TransactionID && other.status == "succeeded" {
			back += other.amount
			if now.Sub(other.at) > time.Minute {
				backForLong += other.amount
			}
		}
	}
	if backForLong > *fields.SoFar {
		// The backend does not know of money that is back. No final answer, because the refund may be right.
		return problem(409, "more is back than refunded_so_far says")
	}
	created := &refundRecord{fields.TransactionID, *fields.Amount, now, "succeeded", ""}
	if paid := payments[fields.TransactionID]; paid == nil || paid.status != "paid" {
		created.status, created.reason = "rejected", "the transaction is not paid"
	} else if back+*fields.Amount > paid.amount {
		created.status, created.reason = "rejected", "more than is left of the payment"
	} else { // a real core pays the money back here
		bookings = append(bookings, booking{"refund", fields.RefundID, fields.TransactionID, *fields.Amount, now})
	}
	refunds[fields.RefundID] = created
	return refundAnswer(fields.RefundID, created)
}

func refundAnswer(id string, known *refundRecord) answer {
	return reply(200, object{"refund_id": id, "amount": known.amount, "status": known.status, "reason": known.reason})
}

func findRefund(id string) answer {
	mutex.Lock()
	defer mutex.Unlock()
	if known := refunds[id]; known != nil {
		return refundAnswer(id, known)
	}
	return reply(404, object{"refund_id": id, "status": "never_seen"})
}

func findPayment(id string) answer {
	mutex.Lock()
	defer mutex.Unlock()
	known := payments[id]
	if until, shown := opened[id]; known == nil && shown { // the customer may still pay, until it is too late
		status := "pending"
		if time.Now().UnixMilli() > until {
			status = "not_paid"
		}
		return reply(200, object{"transaction_id": id, "status": status})
	}
	if known == nil {
		return reply(404, object{"transaction_id": id, "status": "never_seen"})
	}
	found := object{}
	for name, value := range known.result {
		found[name] = value
	}
	found["status"], found["amount"] = known.status, known.amount
	return reply(200, found)
}

func statement(day string, query url.Values) answer {
	start, err := time.ParseInLocation("2006-01-02", day, vietnam)
	if err != nil {
		return problem(400, "a day is written as 2026-11-22")
	}
	if time.Now().Before(start.Add(offeredAfter)) {
		return reply(404, object{"status": "not_there"})
	}
	mutex.Lock()
	defer mutex.Unlock()
	entries := []object{}
	for _, b := range bookings {
		if !b.at.Before(start) && b.at.Before(start.Add(24*time.Hour)) {
			entries = append(entries, object{"type": b.kind, "id": b.id, "transaction_id": b.transactionID,
				"amount": b.amount, "at": rfc3339(b.at)})
		}
	}
	// A cursor says how many entries are read already: it is one of those that we gave as `next`.
	begin, end := 0, len(entries)
	if query.Has("cursor") {
		begin, err = strconv.Atoi(query.Get("cursor"))
		if err != nil || begin <= 0 || begin >= end || begin%pageSize != 0 {
			return problem(400, "this cursor is not known")
		}
	}
	var next any
	if begin+pageSize < end {
		end = begin + pageSize
		next = strconv.Itoa(end)
	}
	return reply(200, object{"day": day, "entries": entries[begin:end], "next": next})
}

// The payment screen ------------------------------------------------------------------------------------------------

type link struct {
	transactionID, returnURL string
	amount, expiresAt        int64
}

// verifiedLink reads the screen's link. Its signed part ends before the last `&client_id=`. It may be opened until it expires.
func verifiedLink(target string) (link, bool) {
	at := strings.LastIndex(target, "&client_id=")
	if at < 0 {
		return link{}, false
	}
	signed := target[:at]
	_, query, _ := strings.Cut(signed, "?")
	proof, err := url.ParseQuery(target[at+1:])
	values, alsoErr := url.ParseQuery(query)
	if err != nil || alsoErr != nil ||
		!verify([]byte(signed), proof.Get("timestamp"), proof.Get("client_id"), proof.Get("signature"), forever) {
		return link{}, false
	}
	amount, err := strconv.ParseInt(values.Get("amount"), 10, 64)
	expiresAt, alsoErr := strconv.ParseInt(values.Get("expires_at"), 10, 64)
	return link{values.Get("transaction_id"), values.Get("return_url"), amount, expiresAt}, err == nil && alsoErr == nil
}

func page(status int, vietnamese, english, more string) answer {
	return answer{status: status, page: `<!doctype html><html lang="vi"><meta charset="utf-8">` +
		`<meta name="viewport" content="width=device-width"><title>` + vietnamese + `</title><h1>` + vietnamese +
		`</h1><p lang="en">` + english + `</p>` + more + `</html>`}
}

var (
	invalid  = page(400, "Liên kết thanh toán không hợp lệ", "This payment link is not valid.", "")
	tryAgain = page(503, "Chưa thể hiển thị thanh toán, vui lòng thử lại",
		"We cannot show the payment now. Please try again.", "")
)

func expired(asked link) answer {
	return page(410, "Đã hết thời gian thanh toán", "The time to pay is over.",
		`<a href="`+html.EscapeString(asked.returnURL)+`">Quay lại Tiki VIP · Back to Tiki VIP</a>`)
}

func screen(target string) answer {
	asked, ok := verifiedLink(target)
	if !ok {
		return invalid
	}
	mutex.Lock()
	decided := payments[asked.transactionID] != nil
	mutex.Unlock()
	if decided {
		return answer{status: 303, location: asked.returnURL}
	}
	if time.Now().UnixMilli() > asked.expiresAt {
		return expired(asked)
	}
	var details struct {
		Code int `json:"code"`
		Data *struct {
			TransactionID string `json:"transaction_id"`
			Amount        int64  `json:"transaction_amount"`
			Status        string `json:"status"`
			OrderCode     string `json:"order_code"`
			Description   string `json:"description"`
		} `json:"data"`
	}
	_, err := callAPI("GET", "/partner/v1/payments/"+asked.transactionID, nil, &details)
	if err == nil && details.Code == 3 { // our API does not know this payment
		return invalid
	}
	if err != nil || details.Data == nil {
		return tryAgain
	}
	data := details.Data
	if data.TransactionID != asked.transactionID || data.Amount != asked.amount {
		return invalid
	}
	if data.Status != "PENDING" {
		return answer{status: 303, location: asked.returnURL}
	}
	mutex.Lock()
	opened[asked.transactionID] = asked.expiresAt
	mutex.Unlock()
	// A real core shows the payment only to the signed-in customer whose code is the data's identify_code.
	path, query, _ := strings.Cut(target, "?")
	return page(200, "Thanh toán "+grouped(asked.amount)+" ₫", "Pay Tiki VIP", fmt.Sprintf(
		`<p>%s %s</p><form method="post" action="%s"><input type="hidden" name="query" value="%s">`+
			`<button name="action" value="pay">Thanh toán · Pay</button> `+
			`<button name="action" value="cancel">Hủy giao dịch · Cancel</button></form>`,
		html.EscapeString(data.OrderCode), html.EscapeString(data.Description), path, html.EscapeString(query)))
}

// grouped writes 100000 as 100.000.
func grouped(amount int64) string {
	digits := strconv.FormatInt(amount, 10)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "." + digits[at:]
	}
	return digits
}

func decide(path string, body []byte) answer {
	form, _ := url.ParseQuery(string(body))
	asked, ok := verifiedLink(path + "?" + form.Get("query"))
	action := form.Get("action")
	if !ok || (action != "pay" && action != "cancel") {
		return invalid
	}
	decided := firstDecision(asked, action)
	if decided == nil {
		return expired(asked)
	}
	select { // the customer does not wait longer; the sending continues
	case <-decided.sent:
	case <-time.After(5 * time.Second):
	}
	return answer{status: 303, location: asked.returnURL}
}

// firstDecision records the customer's decision. The first one counts, and a second one changes nothing.
func firstDecision(asked link, action string) *payment {
	mutex.Lock()
	defer mutex.Unlock()
	id, now := asked.transactionID, time.Now()
	if known := payments[id]; known != nil {
		return known
	}
	if now.UnixMilli() > asked.expiresAt {
		return nil
	}
	decided := &payment{asked.amount, "failed", nil, make(chan struct{})}
	decided.result = object{"transaction_id": id, "status": "FAILURE", "reason": "cancelled by the customer"}
	if action == "pay" { // a real core debits the customer's account here
		number := fmt.Sprintf("B-%d", len(bookings)+1)
		decided.status = "paid"
		decided.result = object{"transaction_id": id, "status": "SUCCESS", "amount": asked.amount,
			"paid_at": rfc3339(now), "partner_banking_method": "ACCOUNT", "rail_reference": number}
		bookings = append(bookings, booking{"payment", number, id, asked.amount, now})
	}
	payments[id] = decided
	go sendResult(id, decided)
	return decided
}

// sendResult sends the payment result until it is answered 200, with longer and longer waits.
func sendResult(id string, decided *payment) {
	defer close(decided.sent)
	body, _ := json.Marshal(decided.result)
	for wait := 200 * time.Millisecond; ; wait *= 2 {
		var said struct {
			Code *int `json:"code"`
		}
		// Without an answer it may have been recorded or not, and a repeat changes nothing.
		status, err := callAPI("POST", "/partner/v1/payments/"+id+"/result", body, &said)
		// A 200 without a code comes from something in between.
		if err == nil && status == 200 && said.Code != nil {
			if *said.Code != 0 { // a refusal, which a repeat does not change: people must look at it
				log.Print("payment result refused: ", id)
			}
			return
		}
		if wait > time.Minute {
			wait = time.Minute
		}
		time.Sleep(wait)
	}
}

// HTTP --------------------------------------------------------------------------------------------------------------

func reply(status int, content any) answer { return answer{status: status, json: content} }

func problem(status int, message string) answer { return reply(status, object{"message": message}) }

func route(r *http.Request, body []byte) answer {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if path == "/pay" {
		if r.Method == "GET" {
			return screen(r.RequestURI)
		}
		return decide(path, body)
	}
	message, head := body, r.Header
	if r.Method != "POST" {
		message = []byte(r.RequestURI)
	}
	if !verify(message, head.Get("X-Partner-Timestamp"), head.Get("X-Partner-Client-Id"),
		head.Get("X-Partner-Signature"), 5*time.Minute) {
		return problem(401, "the signature is missing, wrong or too old")
	}
	parts := strings.Split(path, "/") // "/refunds/9d2f…" is "", "refunds", "9d2f…"
	switch call := r.Method + " " + parts[1]; {
	case call == "POST refunds" && len(parts) == 2:
		return refund(head.Get("Idempotency-Key"), body)
	case call == "GET refunds" && len(parts) == 3:
		return findRefund(parts[2])
	case call == "GET payments" && len(parts) == 3:
		return findPayment(parts[2])
	case call == "GET statements" && len(parts) == 3:
		values, _ := url.ParseQuery(query)
		return statement(parts[2], values)
	}
	return problem(404, "there is no such route")
}

func serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var said answer
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		said = route(r, body)
	case errors.As(err, &tooLarge):
		said = problem(413, "a body has at most 64 KiB")
	default:
		said = problem(400, "the body did not come whole")
	}
	content, kind := []byte(said.page), "text/html; charset=utf-8"
	if said.json != nil {
		content, _ = json.Marshal(said.json)
		kind = "application/json"
	}
	head := w.Header()
	head.Set("Content-Type", kind)
	head.Set("Cache-Control", "no-store")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
	if said.location != "" {
		head.Set("Location", said.location)
	}
	w.WriteHeader(said.status)
	w.Write(content)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+environment("PORT", "0"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	server := http.Server{Handler: http.HandlerFunc(serve), ReadTimeout: time.Minute}
	log.Fatal(server.Serve(listener))
}
