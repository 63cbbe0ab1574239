// The signature in Go (docs/protocol.md, section 2). `go run sign.go vectors.json` checks it.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
)

// sign takes the exact bytes of the body; of a GET, its path and query.
func sign(secret, clientID string, timestampMs int64, message []byte) string {
	payload := append([]byte(fmt.Sprintf("%d.%s.", timestampMs, clientID)), message...)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(base64.RawURLEncoding.EncodeToString(payload)))
	return hex.EncodeToString(mac.Sum(nil))
}

// verify takes what came in the three headers last.
func verify(secret, clientID string, message []byte, nowMs int64, timestamp, sentID, signature string) bool {
	sent, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || strconv.FormatInt(sent, 10) != timestamp { // one spelling only
		return false
	}
	same := hmac.Equal([]byte(sign(secret, clientID, sent, message)), []byte(signature)) // in constant time
	return same && sentID == clientID && nowMs-sent >= -60_000 && nowMs-sent <= 300_000
}

func main() {
	var vectors []struct{ Name, Timestamp, Client_key, Client_secret, Body, Signature string }
	text, err := os.ReadFile(os.Args[1])
	if err != nil || json.Unmarshal(text, &vectors) != nil {
		log.Fatal("cannot read the vectors")
	}
	for _, v := range vectors {
		message, changed := []byte(v.Body), []byte(v.Body+" ")
		sent, _ := strconv.ParseInt(v.Timestamp, 10, 64)
		checked := func(message []byte, now int64) bool {
			return verify(v.Client_secret, v.Client_key, message, now, v.Timestamp, v.Client_key, v.Signature)
		}
		if sign(v.Client_secret, v.Client_key, sent, message) != v.Signature ||
			!checked(message, sent+299_000) || checked(changed, sent) || checked(message, sent+301_000) {
			log.Fatal("WRONG ", v.Name)
		}
		fmt.Println("ok", v.Name)
	}
}
